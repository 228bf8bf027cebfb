// Package datasets opens image anomaly detection datasets in the layouts in which
// they are published, without converting or copying anything:
//
//	mvtec      MVTec AD: CLASS/train/good, CLASS/test/DEFECT, CLASS/ground_truth/DEFECT
//	visa       VisA as downloaded, with split_csv/1cls.csv, or prepared in MVTec's layout
//	dagm       DAGM 2007, ten classes: ClassN/{Train,Test} and their Label directories
//	folder     any classes in MVTec's layout, or described by UniAD's JSON lines
//	synthetic  generated data in DAGM's layout; see datasets/synthetic
//
// Open reads directory listings and label lists, no image. Dataset.Fingerprint
// hashes what a dataset says and holds; Check examines every file.
//
// What the layouts leave open is decided so:
//
//   - Classes are in release order: the order of the layout itself. MVTec AD's
//     archive has no order but its names', so it is alphabetical; UniAD's own order is
//     that of its train.json, and a folder dataset described by that file has it.
//     VisA has the order of 1cls.csv (which is alphabetical), DAGM counts Class1 to
//     Class10, and other folders are alphabetical. The option "classes" reorders.
//   - A published dataset with a class missing is an error, so that no table calls
//     a part "mvtec"; the option "classes" asks for a part.
//   - Defective training images (DAGM has them) are dropped and counted.
//   - DAGM's Labels.txt decides which images are defective and must agree with the
//     label images. Without Labels.txt, as in some copies, the label images alone
//     decide; without the directory Label an error, since defects could not be told
//     from normal images.
//   - A class of a folder dataset without ground_truth has image labels only
//     (ad.TruthUnknown); one with it must have a mask for each defective image.
//   - Masks are NAME_mask.EXT or NAME.EXT for the image NAME in all MVTec-like
//     layouts.
//   - Lists made on Windows, with backslashes and no slash, are read like others.
//   - Files and directories whose names begin with a dot are ignored (archives
//     made on a Mac hold "._000.png" beside 000.png), and so are files that are no
//     images. Images in MVTec's layout that are deeper or less deep than they should
//     be are not read, and Check reports them.
package datasets
