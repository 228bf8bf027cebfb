package bert

import (
	"bytes"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// BERT's tokenizer, as transformers' BertTokenizer has it. It is written here as no
// Go library suits: gobert has been left since 2019 with inputs on which it hangs,
// sugarme/tokenizer is a port of all of Hugging Face's tokenizers whose dependencies
// draw progress bars and keep caches, go-huggingface has SentencePiece alone, and
// those around the original in Rust need its compiled library.

const (
	unknown = "[UNK]"
	start   = "[CLS]"
	end     = "[SEP]"
)

// longest is the number of characters above which a word is unknown.
const longest = 100

// vocabulary is WordPiece's: pieces that begin a word, and others, written with ##
// before them.
type vocabulary struct {
	ids           map[string]int
	unk, cls, sep int
	lowercase     bool
}

// openVocabulary reads a file with a token on each line.
func openVocabulary(path string, lowercase bool) (*vocabulary, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Data, "%w", err)
	}
	return parseVocabulary(path, text, lowercase)
}

func parseVocabulary(path string, text []byte, lowercase bool) (*vocabulary, error) {
	v := &vocabulary{ids: map[string]int{}, lowercase: lowercase}
	for line := range bytes.Lines(text) {
		token := strings.TrimRight(string(line), "\r\n")
		at := fault.Pos{File: path, Line: len(v.ids) + 1}
		if !utf8.ValidString(token) {
			return nil, fault.New(fault.Data, "token %q is not UTF-8", token).At(at)
		}
		if first, twice := v.ids[token]; twice {
			return nil, fault.New(fault.Data, "token %q is in line %d already", token, first+1).At(at)
		}
		v.ids[token] = len(v.ids)
	}
	for token, id := range map[string]*int{unknown: &v.unk, start: &v.cls, end: &v.sep} {
		var ok bool
		if *id, ok = v.ids[token]; !ok {
			return nil, fault.New(fault.Data, "no token %q", token).At(fault.Pos{File: path}).
				WithHint("a vocabulary of BERT's WordPiece, one token a line, is expected")
		}
	}
	return v, nil
}

func (v *vocabulary) tokens(text string) []int {
	var ids []int
	for _, word := range v.wordsOf(text) {
		ids = append(ids, v.pieces(word)...)
	}
	return ids
}

// wordsOf cleans the text and splits it at spaces. Punctuation marks and Chinese
// characters are words of their own.
func (v *vocabulary) wordsOf(text string) []string {
	var spaced strings.Builder
	for _, r := range text {
		switch {
		case r == 0 || r == utf8.RuneError || control(r):
		case chinese(r):
			spaced.WriteString(" " + string(r) + " ")
		default:
			spaced.WriteRune(r)
		}
	}
	clean := spaced.String()
	if v.lowercase { // and without accents: they are characters of their own in this form
		clean = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return unicode.ToLower(r)
		}, norm.NFD.String(clean))
	}
	var words []string
	for _, field := range strings.Fields(clean) {
		begin := 0
		for i, r := range field {
			if punctuation(r) {
				if begin < i {
					words = append(words, field[begin:i])
				}
				begin = i + utf8.RuneLen(r)
				words = append(words, field[i:begin])
			}
		}
		if begin < len(field) {
			words = append(words, field[begin:])
		}
	}
	return words
}

// pieces splits a word into the longest pieces that the vocabulary has, from the
// left. A word that cannot be split is unknown as a whole.
func (v *vocabulary) pieces(word string) []int {
	if utf8.RuneCountInString(word) > longest {
		return []int{v.unk}
	}
	var ids []int
	for mark := ""; word != ""; mark = "##" {
		n := len(word)
		id, ok := v.ids[mark+word]
		for !ok {
			_, size := utf8.DecodeLastRuneInString(word[:n])
			if n -= size; n == 0 {
				return []int{v.unk}
			}
			id, ok = v.ids[mark+word[:n]]
		}
		ids, word = append(ids, id), word[n:]
	}
	return ids
}

// control reports what is removed. Tabs and ends of lines are spaces, and
// unassigned characters (Cn) stay.
func control(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co)
}

// punctuation is Unicode's, and all of ASCII that is neither letter nor digit, so
// that "$" and "^" are, too.
func punctuation(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~' || unicode.IsPunct(r)
}

// chinese reports the blocks of CJK ideographs that BERT's authors list; Japanese
// and Korean scripts are not among them.
func chinese(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F
}
