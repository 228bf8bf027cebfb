// Package splits makes, stores, checks and exchanges long-tailed training sets.
//
// A split is a choice of the normal training images of a dataset; the test set
// is never touched. It follows the paper (section 3, "Dataset collection"), with
// the formula of the code that the paper builds on (LDAM): classes stand in an
// order, rank i = 0, ..., C-1, and with N the size of the dataset's largest class
//
//	exp   target_i = floor(N * factor^(-i/(C-1)))
//	step  target_i = N for the first floor(C/2) ranks, floor(N/factor) for the rest
//	full  everything (a balanced split, for comparison)
//
// The floors are those of the exact real numbers, the factor being the decimal
// number that was written. LDAM's int() of a float64 differs only where that real
// number is an integer and rounding falls just below it (a step of 49 images by
// factor 49 came out as 0 there); every target of the paper is the same.
//
// A class smaller than its target is kept whole; otherwise the images are drawn
// without replacement: the first images of a uniform permutation of the class's
// sorted paths, from a random stream named by seed, sampler and class. So what is
// drawn of a class depends on no other class, order, type or factor, and of one
// seed the smaller draw is always part of the larger one.
//
// The factor cannot exceed N: the smallest target would be 0, an unseen class, and
// the ratio of largest to smallest class would not be the factor. That is an
// error, as is an exp or step split of fewer than two classes.
//
// The majority classes (High) are the first floor(C/2) of the order, the minority
// (Low) the rest. The paper does not say which order its authors used: the
// default, by size, is not that of the LTAD release.
//
// # Manifest
//
// A split is stored as a manifest: UTF-8 lines ended by LF, with exactly one way
// to write a given split, so that its SHA-256 is the same everywhere.
//
//	ltadbench-split 1
//	dataset mvtec
//	fingerprint sha256:...
//	type exp
//	factor 100
//	seed 0
//	order size
//	reverse false
//	sampler permutation/1+chacha8/1
//	classes 15
//	class 1 High available 391 target 391 realised 391 name hazelnut
//	file hazelnut/train/good/000.png
//	...
//	class 15 Low available 60 target 3 realised 3 name toothbrush
//	...
//
// Classes come in their order, each followed by its files, sorted by bytes. Full
// and imported splits draw nothing: their seed and sampler are "-", and so is
// their factor.
package splits
