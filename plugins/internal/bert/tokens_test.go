package bert

import (
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
)

const someVocabulary = "[UNK]\n[CLS]\n[SEP]\na\nb\n##a\n##b\nab\n##aba\n.\n\u00e9\ne\n##e\n\u4e2d\n"

// The tokens of a text are those of its parts, and a word in capitals is that in
// small letters to a vocabulary without capitals.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"ab.a", "abba b", "\u00c9e", "a\u4e2db", "\u0301", "a\xffb", "\u0130", strings.Repeat("a", 101)} {
		f.Add(s)
	}
	uncased, err := parseVocabulary("", []byte(someVocabulary), true)
	if err != nil {
		f.Fatal(err)
	}
	cased, err := parseVocabulary("", []byte(someVocabulary), false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range []*vocabulary{uncased, cased} {
			ids := v.tokens(text)
			for _, id := range ids {
				if id < 0 || id >= len(v.ids) || id == v.cls || id == v.sep {
					t.Fatalf("%q: token %d", text, id)
				}
			}
			if twice := v.tokens(text + " " + text); !slices.Equal(twice, slices.Concat(ids, ids)) {
				t.Errorf("%q: %v, and twice %v", text, ids, twice)
			}
		}
		if ascii := strings.Map(func(r rune) rune { return r & 0x7f }, text); !slices.Equal(uncased.tokens(strings.ToUpper(ascii)), cased.tokens(strings.ToLower(ascii))) {
			t.Errorf("%q: capitals matter", ascii)
		}
	})
}

func FuzzVocabulary(f *testing.F) {
	for _, s := range []string{someVocabulary, "", "\n", "[UNK]\n[CLS]\n[SEP]", "[UNK]\r\n[CLS]\r\n[SEP]\r\n\r\n", "a\na\n", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := parseVocabulary("v.txt", text, true)
		if err != nil {
			if fault.KindOf(err) != fault.Data || !strings.HasPrefix(err.Error(), "v.txt:") {
				t.Errorf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		for _, id := range v.tokens("[UNK] a") {
			if id < 0 || id >= len(v.ids) {
				t.Errorf("token %d of %d", id, len(v.ids))
			}
		}
		if v.unk == v.cls || v.cls == v.sep {
			t.Errorf("%+v", v)
		}
	})
}
