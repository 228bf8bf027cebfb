// Package ltad is LTAD (Ho et al., "Long-Tailed Anomaly Detection with Learnable Class
// Names", CVPR 2024, arXiv 2403.20236): anomalies are what a transformer cannot
// reconstruct, and what a classifier in the space of a text encoder calls anomalous.
// The classes' names in its prompts are learned, and so is a variational autoencoder
// of features, from which training takes half of its images, since most classes have
// few. One model serves all classes; it is told the class of an image, not its name.
//
// # Phase 1
//
// The encoder's vector z of the whole image gives mean and log variance of a latent
// vector; a sample of it, with the text feature t_c of the class, is decoded to the
// features of all levels (Eq. 6, type vae). t_c is what the frozen text encoder, a
// BERT, makes of the pseudo name s_c: option name_length word embeddings, which are
// learned through it. Afterwards t_c, and t_n,c and t_a,c of the prompts "a s_c" and "a
// broken s_c" (Eq. 4), are constants.
//
// # Phase 2
//
// Each image of a step keeps its features with the probability real_prob, or has
// synthetic ones, made of its z and its class. Noise as UniAD's is added to all patches.
// The reconstruction module, UniAD's transformer (package reconstruct), learns to
// take it away (Eq. 7), and linear maps of the levels into the text space learn to
// tell noisy patches from clean ones, by t_a,c - t_n,c (Eqs. 2, 3 and 8). Without noise
// the two give S_rec and S_sem of a patch, and its score is S_rec + lambda S_sem (Eq. 5).
//
// # Where the paper is silent, or wrong
//
// The authors' code is not public. What follows is ours; options say "silent" where
// another choice can be made.
//
//   - Eq. 6 subtracts the KL divergence, of a distribution around z - mu: here is the
//     VAE's usual bound, squared error plus divergence to the standard normal.
//   - Eq. 8 has no term for normal patches, and would be least if all were called
//     anomalous: here is the whole binary cross entropy (option bce).
//   - The levels are "remapped to the dimensions of f_1", which for ALIGN are 112 x 112
//     tokens, more than a transformer can take: as in UniAD they are on a grid of 14 x 14
//     (option grid). Methods are given the levels on the encoder pack's grid, so the VAE
//     decodes on the same grid of tokens, and not at each level's own resolution.
//   - The decoder is "the mirror copy" of the encoder, of which no more is said: see vae.
//     Options decoder_start, decoder_width, decoder_blocks and latent size it.
//   - sigma is a linear map of z, and could be negative: the map gives log variances, and
//     begins at zero.
//   - Real or synthetic features are drawn for an image, not for a patch.
//   - Of several prompts (7.3) the text features are averaged.
//   - Names that begin as class names have name_length tokens, too: shorter ones are
//     repeated, longer ones cut. Names that are not learned (6.5) are whole.
//   - In 8.1 each class has the pseudo name of the next class, in the test alone: if
//     phase 2 had it as well, projections would learn to go with the wrong names, and
//     nothing in the paper would explain that its results fall as they do. Option
//     name_assign has both.
//   - Lambda is 500, 400 and 300 for MVTec AD, VisA and DAGM, "such that both scores have
//     comparable ranges", which they have for ALIGN's features. On other data the default
//     is the range of S_rec on training images. Logs tell the ranges of both scores after
//     training and of each prediction, and training warns of ranges that differ twentyfold.
//   - Batch, weight decay, schedule, clipping and the transformer's sizes are UniAD's.
//   - The image's score is the host's, from the map; it is UniAD's by default.
//
// # Presets
//
// The rows of Tables 6 to 9, and the lengths of Figure 6 (of which the text does not
// tell the values: 1 to 5), are presets: ltad/6.3 and so on. The rows 6.1 and 6.2 are
// UniAD, 6.2 on the encoder that LTAD has.
//
// # Speed
//
// BenchmarkStep, the paper's size with batch 8 and ALIGN's channels on two cores of a
// server's CPU, beside PyTorch 2.15 (milliseconds of a training step, and how many times
// ours is as fast; the variants are those of UniAD's transformer, see package uniad):
//
//	         ours   as UniAD's code does it   fused attention   own dropout, too
//	phase 1   172                    179 (1.04)
//	phase 2   778         1133 (1.46)           1202 (1.55)        814 (1.05)
//
// Of our phase 1 the text encoder takes 104 ms, mostly for matrix products of 32 rows
// with BERT's 340 MB of weights; without it a step takes 68.
//
// MVTec exp100 has 1378 images: 50 minutes for 100 epochs of phase 1 and 18.7 hours for 500
// of phase 2 on two such cores. That is a night on four: a second core takes the step
// from 1256 to 778 ms. Fit measures a few steps first, and says how long it will be.
//
// # Randomness, interruption
//
// Initial weights, the order of images, latent samples, the choice of real features,
// dropout and noise come from named streams of the cell's seed. Both phases write
// checkpoints; a training that was interrupted goes on from there to the same bytes.
package ltad
