package ltad

import (
	"errors"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// Options are LTAD's options. Section, table and equation numbers without another
// name are those of LTAD's paper; "silent" is what it does not say.
type Options struct {
	Transformer
	Training // of phase 2
	Phase1
	Names
	Augmentation
	Semantic
	Scoring
}

// Two embedded types have to have two names.
type (
	Transformer = reconstruct.Options
	Training    = train.Options
)

// Phase1 is the training of the VAE and of the pseudo class names (section 5.1). It
// shares batch, weight_decay, betas, eps, clip, lr_step and lr_gamma with phase 2.
type Phase1 struct {
	VAEEpochs int     `json:"vae_epochs" min:"1" doc:"Passes over the training images in phase 1 (section 6: 100)."`
	VAELR     float64 `json:"vae_lr" above:"0" doc:"Learning rate of phase 1 (section 6: 1e-4)."`
	Latent    int     `json:"latent" min:"0" doc:"Length of the sampled vector of the VAE (silent); 0 for that of the encoder's last level."`
	KL        float64 `json:"kl_weight" min:"0" doc:"Weight of the KL divergence in Eq. 6, which has none."`
	VAELoss   string  `json:"vae_loss" enum:"sum,mean" doc:"Squared error of a level in Eq. 6: the sum over its elements, as printed, or their mean, as the text's \"mean square error\" may be read."`

	DecoderStart  int `json:"decoder_start" min:"1" doc:"Channels of the decoder's coarsest map, of half the grid's side (silent)."`
	DecoderWidth  int `json:"decoder_width" min:"0" doc:"Channels of each stage of the decoder (section 5.1: a mirror copy of the encoder); 0 for those of the level that the stage gives."`
	DecoderBlocks int `json:"decoder_blocks" min:"1" doc:"Convolutions in each stage of the decoder, those after the first with a residual (silent)."`
}

// Names are the pseudo class names s_c (sections 4 and 5.1).
type Names struct {
	NameLength int    `json:"name_length" min:"1" doc:"Tokens of a learned name (section 6: 2; Figure 6 varies it)."`
	NameInit   string `json:"name_init" enum:"text,class_name,random" names:"class_name" doc:"What names begin as: name_text (Table 6, 6.8), the name of the class (6.5, 6.6), or random numbers with the spread of word embeddings (6.7)."`
	NameText   string `json:"name_text" doc:"Words, repeated or cut to name_length tokens (section 6: object)."`
	LearnNames bool   `json:"learn_names" doc:"Whether phase 1 learns the names. A class name that is not learned is used whole, however long (6.5)."`
	Assign     string `json:"name_assign" enum:"own,test,always" doc:"Whose name stands in the prompts of a class: its own, or that of the next class (8.1), in the test alone or already in phase 2 (the paper does not say which)."`
}

// Augmentation is the choice between real and synthetic features (section 5.2).
type Augmentation struct {
	Augment   string  `json:"augment" enum:"vae,ae" doc:"What makes synthetic features: a variational autoencoder, or one without sampling and KL divergence (6.3)."`
	Condition bool    `json:"condition" doc:"Whether the decoder is told the text feature of the class (section 5.1; not in 6.3)."`
	RealProb  float64 `json:"real_prob" min:"0" max:"1" doc:"Probability p_c that an image's features are real (section 6: 0.5); drawn for each image and step. 1 for no augmentation."`
	DAS       bool    `json:"das" doc:"Distribution aware sampling (6.4): features are synthetic with the probability images of the smallest class / images of the class, whatever real_prob says. (The paper: \"inversely proportional\".)"`
}

// Semantic is the semantic module (section 4).
type Semantic struct {
	Normal     []string `json:"normal_prompts" doc:"Prompts v_n for normal patches, which the name follows (section 6: a). Text features of several are averaged (Table 7, 7.3)."`
	Abnormal   []string `json:"abnormal_prompts" doc:"Prompts v_a for anomalous patches (section 6: a broken)."`
	Projection string   `json:"projection" enum:"levels,joined" doc:"Into the text space: a linear map for each level (Eq. 2), or one for all levels together (7.1)."`
	Pool       string   `json:"pool" enum:"max,mean" doc:"How projections of the levels are pooled (Eq. 2: max; 7.2: mean)."`
	Tau        float64  `json:"tau" above:"0" doc:"Temperature of Eq. 3 (section 6: 1)."`
	TextNorm   bool     `json:"text_norm" doc:"Whether text features are scaled to length 1 (silent; Eq. 3 has a plain dot product)."`
	Classifier string   `json:"classifier" enum:"text,learned" doc:"Where the vectors of Eq. 3 come from: the text encoder, or learned for each class without it (Table 8, 8.2)."`
	BCE        string   `json:"bce" enum:"full,printed" doc:"Eq. 8: the binary cross entropy of normal and pseudo-anomalous patches, or the sum as printed, which has no term for normal ones."`
}

// Scoring is how a patch is scored (Eq. 5).
type Scoring struct {
	Scores   string  `json:"scores" enum:"both,rec,sem" doc:"Scores that count: both, the reconstruction's alone (\"w/o SAD\"; Table 6), or the semantic one alone (Tables 7 to 9). What does not count is not trained."`
	Lambda   float64 `json:"lambda" min:"0" kinds:"visa=400,dagm=300,folder=0,synthetic=0" doc:"Weight of the semantic score (section 6: 500, 400, 300 for MVTec AD, VisA, DAGM, with ALIGN's features). 0 for the range of the reconstruction score (1st to 99th percentile) on training images, that of the semantic score being 1."`
	RecLoss  string  `json:"rec_loss" enum:"mean,sum" doc:"Squared error of a patch in Eq. 7: the mean over channels, as UniAD's loss, or the sum, as printed."`
	RecScore string  `json:"rec_score" enum:"sum,mean,root" doc:"Squared error of a patch in Eq. 1: the sum over channels, as printed, their mean, or the root of the sum, as UniAD's map. Lambda is made for the first."`
}

func defaults() Options {
	return Options{
		Transformer: reconstruct.Defaults(), Training: train.Defaults(500),
		Phase1:       Phase1{VAEEpochs: 100, VAELR: 1e-4, KL: 1, VAELoss: "sum", DecoderStart: 64, DecoderBlocks: 1},
		Names:        Names{NameLength: 2, NameInit: "text", NameText: "object", LearnNames: true, Assign: "own"},
		Augmentation: Augmentation{Augment: "vae", Condition: true, RealProb: 0.5},
		Semantic: Semantic{
			Normal: []string{"a"}, Abnormal: []string{"a broken"}, Projection: "levels", Pool: "max", Tau: 1, Classifier: "text", BCE: "full",
		},
		Scoring: Scoring{Scores: "both", Lambda: 500, RecLoss: "mean", RecScore: "sum"},
	}
}

// check finds what the schema cannot say.
func (o Options) check() error {
	errs := []error{o.Transformer.Check(), o.Training.Check()}
	wrong := func(hint, format string, args ...any) {
		errs = append(errs, fault.New(fault.Config, "options: "+format, args...).WithHint("%s", hint))
	}
	for _, p := range []struct {
		name string
		list []string
	}{{"normal_prompts", o.Normal}, {"abnormal_prompts", o.Abnormal}} {
		if len(p.list) == 0 {
			wrong(`give at least one, such as ["a"]`, "%s is empty", p.name)
		}
	}
	if o.Scores != "rec" && o.Classifier == "text" && slices.Equal(o.Normal, o.Abnormal) {
		wrong("the two tell normal from anomalous: give different ones", "normal_prompts and abnormal_prompts are the same")
	}
	if o.NameInit == "text" && strings.TrimSpace(o.NameText) == "" {
		wrong("give a word, such as object", "name_text is empty")
	}
	return errors.Join(errs...)
}

// rec and sem say which modules there are.
func (o Options) rec() bool { return o.Scores != "sem" }
func (o Options) sem() bool { return o.Scores != "rec" }

// synthesizes says whether any features may be synthetic.
func (o Options) synthesizes() bool { return o.DAS || o.RealProb < 1 }

// prompts says whether the semantic module uses the text encoder.
func (o Options) prompts() bool { return o.sem() && o.Classifier == "text" }

// learnsNames says whether phase 1 changes the names: only through the decoder's
// condition can it.
func (o Options) learnsNames() bool { return o.LearnNames && o.Condition }

// phase1 says whether there is something to learn in phase 1 that phase 2 uses.
func (o Options) phase1() bool { return o.synthesizes() || o.prompts() && o.learnsNames() }

// text says whether the text encoder is used at all.
func (o Options) text() bool { return o.prompts() || o.phase1() && o.Condition }
