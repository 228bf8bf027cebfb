// Package metric computes the numbers of a benchmark: AUROC, average precision,
// F1-max and AUPRO of images and pixels, per class, and their means over all,
// majority and minority classes (paper, section 3). It computes; it reads no files
// and prints nothing.
//
// A class's numbers come from ImageMetrics (one score per image, by a Scorer) and
// PixelMetrics (all pixels of all its test images together, maps brought to the
// evaluation size by a Resizer); Means averages them without weights.
//
// # Definitions
//
// Only the order of scores counts. They are ranked as the float32 they are: never
// rescaled, squashed or clipped. Infinities are scores like any others, -0 equals
// +0, and NaN is an error that names its image. With t falling over the distinct
// scores, TP(t) and FP(t) counting the anomalous and normal ones at or above t, P
// and N all of them:
//
//   - AUROC is the area under (FP/N, TP/P) by the trapezoid rule, that is the
//     Mann-Whitney statistic with ties counted half. It is never flipped: 0.2
//     stays 0.2 (UniAD's code makes that 0.8).
//   - AP is the sum of (TP(t) - TP(t')) / P x TP(t) / (TP(t) + FP(t)) over t, t'
//     being the next higher score: the step sum of scikit-learn's
//     average_precision_score.
//   - F1-max is the largest 2 TP / (P + TP + FP).
//   - AUPRO is the area under (FP/N, PRO) up to a false positive rate of 0.3,
//     divided by 0.3. PRO(t) is the mean over regions (connected components of a
//     mask at the evaluation size, all masks together) of the share of the
//     region's pixels at or above t. Pixels connect by edge or corner (8) by
//     default. FP and N count all normal pixels, also those of images with
//     defects. Between thresholds the curve is a straight line; the integral is cut
//     on that line at the limit itself, so it is at most 1.
//
// Counts are integers and areas 192-bit integers, so a number has the same bits for
// any number of workers, order of images, CPU, and size of memory. AUROC and F1-max
// are correctly rounded; AP and AUPRO differ from that by less than 2^-64 before
// the one rounding. The tests compare with scikit-learn to 1e-12.
//
// # Undefined
//
// If all images, or all pixels, have one label, their metrics are undefined: nil,
// null in JSON; not 0, not 0.5, and AP not 1. Means leaves such classes out of the
// mean and says how many it left out. Images whose pixels' truth is unknown have
// no part in pixel metrics; the caller leaves them out of Pixels.
//
// # Memory and time
//
// PixelMetrics holds no map. It takes its images in rounds of two passes: the first
// reads all masks, and the maps of images with defects, and keeps of each anomalous
// pixel its score and the size of its region; the second reads all maps and counts
// how many pixels fall between and on those scores. One round holds 2.8 million
// anomalous pixels, or any number of them that repeat fewer pairs of score and
// region size; if there are more, further rounds take the lower scores. Besides,
// for a size of 224,
//
//   - 16 bytes per anomalous pixel of the round, and up to 16 more for each distinct
//     score among them (about 4 where scores are as dense as Gaussian ones),
//   - 1 MB to begin with, and 4.5 MB per worker (less for small sets),
//
// so 50 to 70 MB for MVTec AD's whole test set pooled (86.6 million pixels, 2.2
// million of them anomalous), a few MB for one of its classes, and at most about
// 120 MB plus the workers' share for data of any size.
//
// To measure it beside scikit-learn's roc_auc_score, on the same files in one run,
// with any Python that has scikit-learn (5 GB of memory, about ten minutes):
//
//	LTADBENCH_SKLEARN=python3 go test ./framework/metric -run '^$' -bench WholeMVTec -benchtime 5x
//
// It prints the median of the runs in seconds (median-s), the CPU time (cpu-s), the
// peak of the memory that Go held (peak-MB), the same for scikit-learn, and the
// ratio of the times (x-faster). Note that ours computes all four metrics.
package metric
