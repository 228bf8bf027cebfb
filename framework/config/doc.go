// Package config reads bench.yaml, the description of a benchmark, and expands it
// to cells. The file in the repository's root is commented as the manual of the
// format; Bench and the types below it say what each part becomes.
//
// Load finds every problem of a file, not just the first, and each error says
// where it is (file:line:column) and, for a misspelt word, which was probably
// meant. What only others can judge (the options of methods and datasets, files
// that are missing) is checked later; Bench.Pos and Bench.OptionPos give the place
// in the file then.
//
// The format is a plain subset of YAML: one document of at most 1 MiB, keys are
// text, numbers are decimal. Aliases (*name), merge keys (<<) and tags (!name) are
// errors, and so are spellings that YAML reads in surprising ways (010 is eight).
// A key without a value is as good as an empty mapping or list.
//
// This package knows the format and no more: it imports nothing that computes.
// What the program offers (kinds of datasets, methods, encoder packs) comes in
// with Host.
package config
