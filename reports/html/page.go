// Package html writes a report as a directory of web pages that opens from disk: one
// page, its style and scripts, the data of every number's provenance, figures and
// anomaly maps. It needs no server and no network.
//
// The page is whole without scripts: tables, notes, figures, the gallery at its
// standard threshold, failures with their logs. Scripts add sorting, filters, the
// dialog that says where a number comes from, and the gallery's controls. All text
// comes from outside (names, notes, logs) and is escaped where it is put: by
// html/template in the page, by encoding/json in data.js, and scripts only ever set
// text.
//
// Anomaly maps are grey pictures that SVG filters colour and threshold. A page from
// disk may not read the pixels of its own pictures, but it may filter them.
package html

import (
	"image"
	"image/color"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/reports"
)

// Page is what a report shows.
type Page struct {
	Title   string
	Config  string            // the configuration, as its user knows it
	Reports []*reports.Report // their tables, in this order
	Entries []reports.Entry   // the cells of the tables
	Names   map[ad.MethodName]string
	// Command gives the command line that computes an entry's cell again.
	Command func(reports.Entry) string
	// Logs are the last lines of the logs of failed cells, by key.
	Logs     map[ad.Digest]string
	Warnings []string // what had to be left out
	Decimals int      // of percentages, in the dialog's tables
	Figures  []Figure
	Gallery  Gallery
}

// Figure is a figure as SVG, which is shown as a picture: scripts in it do not run.
type Figure struct {
	Name    string // of its file, without the ending; other figures have other names
	Title   string
	Alt     string // what is to be seen, for those who cannot see it
	Caption string
	// Width and Height are in any unit; they keep the figure's place free until it is
	// loaded.
	Width, Height float64
	SVG           []byte
}

// Gallery is test images with the anomaly maps of the methods.
type Gallery struct {
	Sheets []Sheet
	// Colours are those of the levels of maps, and Rates their false positive rates,
	// which fall from 1.
	Colours [256]color.NRGBA
	Rates   [256]float64
}

// Sheet is the images of one dataset, split and encoder.
type Sheet struct {
	Dataset ad.DatasetName
	Title   string
	Columns []Column
	Rows    []Row
	Notes   []string
}

// Column is a method of a sheet.
type Column struct {
	Method ad.MethodName
	Name   string // to be shown
}

// Row is a test image. All pictures of a row have the same size.
type Row struct {
	ID    string
	Class ad.ClassName
	Label string // of the image: what it is in truth
	Rule  string // by which it was chosen
	Image image.Image
	Mask  *image.Gray // 255 where anomalous; nil if that is unknown
	Maps  []Map       // by Columns
}

// Map is what a method says of an image.
type Map struct {
	Level    *image.Gray // in levels of Gallery; nil if there is none, which Missing explains
	Missing  string
	Score    float32 // of the image
	Rank, Of int     // the place of the score among those of the class; Of is 0 if there is no score
}
