package synthetic

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// picture is one image of the dataset.
type picture struct {
	class  int // index in Options.Classes
	part   string
	number int // in DAGM's file names
	label  ad.Label
	name   string // of the image's stream: independent of the other classes and counts
}

// The directories of DAGM's parts.
const (
	testDir  = "Test"
	trainDir = "Train"
)

func partDir(class int, part string) string { return fmt.Sprintf("Class%d/%s", class+1, part) }

func (p picture) file() string {
	return fmt.Sprintf("%s/%04d.PNG", partDir(p.class, p.part), p.number)
}

func (p picture) maskFile() string {
	return fmt.Sprintf("%s/Label/%04d_label.PNG", partDir(p.class, p.part), p.number)
}

func (p picture) defective() bool { return p.label == ad.Anomalous }

// plan lists all images, in the order of class, part and number.
func plan(o Options) []picture {
	var all []picture
	for class, name := range o.Classes {
		number := 0
		add := func(part string, normal, defective int) {
			labels := make([]ad.Label, normal+defective)
			for i := range defective {
				labels[i] = ad.Anomalous
			}
			order := stream.New(o.Seed, "synthetic", name, part, "order")
			order.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
			var count [2]int
			for _, label := range labels {
				number++
				all = append(all, picture{class, part, number, label, fmt.Sprintf("%s/%s/%d", part, label, count[label])})
				count[label]++
			}
		}
		add(testDir, o.TestNormal, o.TestDefect)
		add(trainDir, o.Train[class], o.trainDefects(class))
	}
	return all
}

// directories lists the directories that hold files.
func directories(o Options) []string {
	var dirs []string
	for class := range o.Classes {
		for _, part := range []string{testDir, trainDir} {
			dirs = append(dirs, partDir(class, part)+"/Label")
		}
	}
	return dirs
}

// lists gives the content of each Labels.txt: a first line of one cell, always 1,
// then for each image its number, 1 if it is defective, its file, 0, and the file
// of its mask or 0. DAGM's own files end their lines in CR LF, and rows without a
// mask in one more tab.
func lists(images []picture) map[string][]byte {
	files := map[string][]byte{}
	for _, p := range images {
		name := partDir(p.class, p.part) + "/Label/Labels.txt"
		text := files[name]
		if text == nil {
			text = []byte("1\r\n")
		}
		if p.defective() {
			text = fmt.Appendf(text, "%04d\t1\t%04d.PNG\t0\t%04d_label.PNG\r\n", p.number, p.number, p.number)
		} else {
			text = fmt.Appendf(text, "%04d\t0\t%04d.PNG\t0\t0\t\r\n", p.number, p.number)
		}
		files[name] = text
	}
	return files
}

// write renders the image and writes its files under root.
func (p picture) write(ctx context.Context, root string, o Options) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pixels, mask := familyOf(o.Classes[p.class]).render(o, p.name, p.label)
	if err := os.WriteFile(filepath.Join(root, p.file()), encodePNG(pixels, o.Size), 0o666); err != nil {
		return err
	}
	if mask == nil {
		return nil
	}
	return os.WriteFile(filepath.Join(root, p.maskFile()), encodePNG(mask, o.Size), 0o666)
}
