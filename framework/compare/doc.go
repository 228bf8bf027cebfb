// Package compare says whether one set of results is better than another, and how
// sure that is. It computes from stored records and maps; it runs no method and
// prints nothing.
//
// # What is compared
//
// Match pairs the results of A and B that differ in nothing but what is compared:
// the same data, split, protocol and seeds. A configuration is a dataset, a split and
// an encoder; its pairs are its seeds. The difference of a class is B - A, the mean
// over the pairs; that of a group the mean over its classes for which the metric is
// defined, without weights, as in metric.Means. Both are correctly rounded, so that a
// tie is exactly 0.
//
// # Tests over classes
//
// They ask whether the classes speak with one voice. Classes are the units: what they
// find is about other products like these. The paper's splits have few in a half, and
// no test can give a p-value below 2^(1-n) for n classes that differ (0.016 for 7).
//
//   - Sign: the exact two-sided binomial test that B is as often better as A. Ties
//     are dropped, and counted.
//   - Permutation: the two-sided test that the signs of the classes' differences are
//     arbitrary, with the mean difference as statistic; the share of sign
//     assignments whose mean is at least as far from 0. All of them are enumerated for
//     up to 20 classes. For more it is (1 + hits) / (1 + 100,000 draws) (Phipson and
//     Smyth 2010), from a named stream. Means that differ by no more than rounding
//     could make them count as equal.
//
// Holm adjusts the permutation tests' p-values for their number (Holm 1979).
//
// # Intervals by bootstrap over test images
//
// They ask what other test images of the same classes would have said (Efron and
// Tibshirani 1993, chapters 8 and 13). A resample draws, for each class, as many normal
// and as many anomalous images as it has, with replacement; images whose pixels'
// truth is unknown are a stratum of their own. A and B, all seeds, all metrics and all
// configurations of a dataset see the same resample, so that what is hard for both
// cancels. The metric is computed anew from the resample, exactly, then its difference,
// the mean over pairs and over the group's classes; the interval is between the
// percentiles of the resamples (linear between order statistics). It says nothing about
// other seeds of the training, nor about other classes. Where both are perfect on the
// images that there are, it is [0, 0]: no resample can show what was never seen. With few
// images it is somewhat too narrow: in simulations with 20 normal and 20 or 60 anomalous
// images a class, intervals of 95% held the true difference of AUROCs in 93 to 95% of 2000
// trials for one class by image, in 92 to 94% by pixel, and in 94 to 96% for 6 or 15
// classes. For F1-max, which takes the best of many thresholds, it is off the middle.
//
// Resamples for which the metric is undefined for a class (all its anomalous images
// drawn have none of their defects left at the evaluation size) have no part in the
// intervals of the class and of its groups; how many have is said.
//
// # Exact resampled AUROC
//
// An AUROC is a share of pairs. Pairs counts once, for all pairs of images (i, j), how
// many anomalous pixels of i rank above how many normal ones of j, ties half: U_ij.
// With w_i the times that image i was drawn, P_i its anomalous and N_j its normal
// pixels, the resample's AUROC is
//
//	sum over i, j of w_i w_j U_ij / (sum of w_i P_i x sum of w_j N_j)
//
// in integers, rounded once. So no resample reads a map again, and the AUROC of every
// image once is bit by bit that of metric.PixelMetrics. Image AUROC is the same with
// images of one pixel. Ranks are those of package metric: -0 equals +0, infinities
// are scores like any others, NaN is an error. AP and F1-max of images are computed by
// metric.ImageMetrics from the images drawn. AP, F1-max and AUPRO of pixels have no such
// form; for them there are differences and tests, and no intervals.
//
// Pairs holds 8 bytes for each pair of an image with anomalous and one with normal
// pixels; while it counts, 8 bytes for each of about 4 million anomalous pixels at a time
// (classes with more take several rounds over the maps), and some maps.
package compare
