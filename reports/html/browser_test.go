package html_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser starts a headless Chromium: the one of $LTADBENCH_CHROMIUM, or of PATH. It
// skips the test if there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := os.Getenv("LTADBENCH_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		t.Skip("no chromium or google-chrome on PATH, nor in $LTADBENCH_CHROMIUM")
	}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute)))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is an open page.
type tab struct {
	*testing.T
	ctx context.Context
	url string

	mu   sync.Mutex
	said []string // on the console, and requests that leave the disk
}

// open opens a page of its own at the address, which goes on the given hash. At the end
// of the test it must have said nothing on the console, and asked for no file but its own.
func open(t *testing.T, parent context.Context, dir, hash string, width, height int64, options ...chromedp.EmulateViewportOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	p := &tab{T: t, ctx: ctx, url: "file://" + filepath.Join(dir, "index.html")}
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.said {
			t.Error(line)
		}
	})
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			p.say("console: " + m.String())
		}
	}()
	root := "file://" + dir + "/"
	err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, root) && !strings.HasPrefix(e.Request.URL, "data:") {
			p.say("request: " + e.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(width, height, options...), chromedp.Navigate(p.url+hash))
	return p
}

func (p *tab) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, line)
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

// eval gives the value of an expression, as text.
func (p *tab) eval(js string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+js+")"))
	if err != nil {
		p.Fatalf("%s: %v", js, err)
	}
	return text
}

func (p *tab) want(js, want string) {
	p.Helper()
	got := p.eval(js)
	for end := time.Now().Add(5 * time.Second); got != want && time.Now().Before(end); got = p.eval(js) {
		time.Sleep(20 * time.Millisecond)
	}
	if got != want {
		p.Errorf("%s: %q, want %q", js, got, want)
	}
}

func (p *tab) press(keys ...string) {
	p.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// helpers are what the tests ask the page with: column('t1', 2) is the texts of a
// column's cells that are to be seen.
const helpers = `
globalThis.visible = (e) => e.getClientRects().length > 0;
globalThis.column = (id, c) => [...document.querySelectorAll('#' + id + ' tbody [data-col="' + c + '"]')].filter(visible)
  .map((e) => e.innerText.split('\n')[0].trim()).join(' ');
globalThis.heads = (id) => [...document.querySelectorAll('#' + id + ' thead [data-col]')].filter(visible).map((e) => e.innerText.trim()).join(' ');
globalThis.head = (id, c) => document.querySelector('#' + id + ' thead [data-col="' + c + '"]');
''`

func TestBrowser(t *testing.T) {
	ctx := browser(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "report")
	write(t, dir, page(200))
	page := func(t *testing.T, hash string) *tab {
		t.Helper()
		p := open(t, ctx, dir, hash, 1280, 900)
		p.do(chromedp.Evaluate[chromedp.Void](helpers))
		return p
	}

	t.Run("loads", func(t *testing.T) {
		p := page(t, "")
		p.want("document.title", "Results of <tests> – ltadbench report")
		p.want("window.hacked", "undefined")
		p.want("document.documentElement.scrollWidth <= innerWidth", "true")
		p.want("document.querySelector('.warnings li').innerText.includes('onerror=')", "true")
		p.want("document.querySelector('.failure pre').innerText.includes('</script>')", "true")
		p.want("getComputedStyle(document.querySelector('.bar')).position", "sticky") // the style is there
		// No picture that is in sight is missing.
		p.eval("document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })")
		p.want("[...document.images].every((i) => i.complete && i.naturalWidth > 0)", "true")
	})

	t.Run("sorts", func(t *testing.T) {
		p := page(t, "")
		first := p.eval("column('t1', 3)")
		button := `#t1 thead [data-col="3"] button`
		p.do(chromedp.Click(chromedp.CSS(button)))
		p.want("head('t1', 3).getAttribute('aria-sort')", "descending")
		down := p.eval("column('t1', 3)")
		p.want("column('t1', 3).split(' ').map(Number).filter((x) => !isNaN(x)).every((x, i, all) => i === 0 || all[i - 1] >= x)", "true")
		p.do(chromedp.Focus(chromedp.CSS(button)))
		p.press(kb.Enter)
		p.want("head('t1', 3).getAttribute('aria-sort')", "ascending")
		if up := p.eval("column('t1', 3)"); up == down || down == first {
			t.Errorf("orders: %q, %q, %q", first, down, up)
		}
		p.want("document.querySelector('.status').textContent.includes('ascending')", "true")
		p.press(" ")
		p.want("head('t1', 3).getAttribute('aria-sort')", "null")
		p.want("column('t1', 3)", first)
		// Means stay below their classes, and what is missing comes last.
		p = page(t, "#sort=t1.7.ascending&sort=t5.0.descending")
		p.want("head('t1', 7).getAttribute('aria-sort')", "ascending")
		p.want("document.querySelector('#t1 tbody tr:last-child td[data-col=\"7\"]').classList.contains('missing')", "true")
	})

	t.Run("filters", func(t *testing.T) {
		p := page(t, "")
		p.want("/^\\d+ rows, 4 pictures$/.test(document.querySelector('.status').textContent)", "true")
		all := p.eval("document.querySelector('.status').textContent")
		p.do(chromedp.Click(chromedp.CSS(`.menu[data-filter="method"] summary`)), chromedp.Click(chromedp.CSS(`.menu[data-filter="method"] input[value="1"]`)))
		p.want("heads('t1').includes('padim')", "false")
		p.want("heads('t1').includes('random')", "true")
		p.want("document.querySelector('#t1').closest('.table').querySelector('.among').hidden", "false")
		p.want("location.hash", "#no-method=padim")
		p.press(kb.Escape)
		p.want("document.activeElement.localName", "summary")
		p.want("document.querySelector('.menu[open]')", "null")
		p.do(chromedp.Click(chromedp.CSS(`.menu[data-filter="dataset"] summary`)), chromedp.Click(chromedp.CSS(`.menu[data-filter="dataset"] [data-none]`)))
		p.want("[...document.querySelectorAll('.table, .sheet, .failure')].some(visible)", "false")
		p.want("[...document.querySelectorAll('.nothing')].filter(visible).length >= 3", "true")
		p.do(chromedp.Click(chromedp.CSS(`.bar [data-reset]`)))
		p.want("document.querySelector('.status').textContent", all)
		p.want("location.hash", "")
		// Classes have a search, and the shared address gives the same view, whatever the name.
		p.do(chromedp.Click(chromedp.CSS(`.menu[data-filter="class"] summary`)), chromedp.Click(chromedp.CSS(`.menu[data-filter="class"] [data-none]`)),
			chromedp.SendKeys(chromedp.CSS(`.menu[data-filter="class"] .find`), "onerror"), chromedp.Click(chromedp.CSS(`.menu[data-filter="class"] [data-all]`)))
		p.want("[...document.querySelectorAll('tbody tr[data-c]')].filter(visible).length", "1")
		status := p.eval("document.querySelector('.status').textContent")
		p = page(t, p.eval("location.hash"))
		p.want("[...document.querySelectorAll('tbody tr[data-c]')].filter(visible).length", "1")
		p.want("document.querySelector('.status').textContent", status)
		p.want("[...document.querySelectorAll('.row')].filter(visible).length", "2")
	})

	t.Run("number", func(t *testing.T) {
		p := page(t, "#method=random")
		p.want("heads('t1').includes('padim')", "false")
		p.do(chromedp.Focus(chromedp.CSS(`#t1 tbody button.number`)))
		p.press(kb.Enter)
		p.want("document.querySelector('dialog').open", "true")
		p.want("location.hash.startsWith('#method=random&n=')", "true")
		p.want("document.getElementById('provenance-title').textContent", "random · image AUROC · all classes")
		p.want("document.querySelectorAll('dialog .cell').length", "2") // seeds
		p.do(chromedp.Click(chromedp.CSS("dialog .cell summary")))
		p.want("/sha256:[0-9a-f]{64}/.test(document.querySelector('dialog .key').innerText)", "true")
		p.want("document.querySelector('dialog .command').innerText", "ltadbench run --only method='random'")
		p.want("document.querySelector('dialog').innerText.includes('\"epochs\": 40')", "true")
		p.want("document.querySelectorAll('dialog .cell[open] tbody tr.mark').length", "4")
		link := p.eval("location.hash")
		p.press(kb.Escape)
		p.want("document.querySelector('dialog').open", "false")
		p.want("document.activeElement.className", "number")
		p.want("location.hash", "#method=random")
		// A link to the number opens it.
		p = page(t, link)
		p.want("document.querySelector('dialog').open", "true")
		p.do(chromedp.Click(chromedp.CSS("dialog .close")))
		p.want("document.activeElement.className", "number")
		p.eval("document.querySelector('#t1 td.failed button').click()")
		p.want("document.querySelector('dialog').innerText.includes('the plugin died')", "true")
		p.want("window.hacked", "undefined")
		// One that is not there opens nothing, and is no error.
		page(t, "#n=constructor&sort=t9.x&level=-5&map=none&at=nowhere").want("document.querySelector('dialog').open", "false")
	})

	t.Run("keyboard", func(t *testing.T) {
		p := page(t, "")
		p.press(kb.Tab)
		p.want("document.activeElement.className", "skip")
		p.press(kb.Enter)
		p.want("document.activeElement.id", "main")
		reach := func(what string) {
			t.Helper()
			for range 60 {
				if p.eval("document.activeElement.matches('"+what+"')") == "true" {
					return
				}
				p.press(kb.Tab)
			}
			t.Fatalf("Tab does not lead to %s", what)
		}
		reach("#t1 .sort")
		p.press(" ")
		p.want("head('t1', 0).getAttribute('aria-sort')", "ascending")
		reach("#t1 button.number")
		p.press(" ")
		p.want("document.querySelector('dialog').open", "true")
		p.press(kb.Escape)
		p.want("document.activeElement.matches('#t1 button.number')", "true")
		reach("#t1 sup a")
		p.press(kb.Enter)
		p.want("document.activeElement.matches('.notes li.here')", "true")
		p.eval("document.getElementById('level').focus()")
		p.want("document.activeElement.matches(':focus-visible')", "true")
		p.press(kb.ArrowRight)
		p.want("document.getElementById('level').getAttribute('aria-valuetext')", "0.98 %")
	})

	t.Run("gallery", func(t *testing.T) {
		p := page(t, "#at=gallery&level=150&map=threshold&mask=off&opacity=100")
		p.want("document.getElementById('threshold-values').getAttribute('tableValues').split(' ').indexOf('1')", "150")
		marked := func(x float64) bool {
			p.eval("document.querySelector('.row .tile[data-m] .map').decode()")
			b, err := chromedp.Run(p.ctx, chromedp.Screenshot(chromedp.CSS(".row .tile[data-m] .stack")))
			if err != nil {
				t.Fatal(err)
			}
			m, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			at := m.Bounds()
			r, g, _, _ := m.At(at.Min.X+int(x*float64(at.Dx())), at.Min.Y+at.Dy()/2).RGBA()
			return r > 2*g // the photo is green, the mark is not
		}
		p.want("[...document.querySelectorAll('.row')].filter(visible).length", "4")
		time.Sleep(200 * time.Millisecond) // to be painted
		if left, right := marked(0.25), marked(0.75); left || !right {
			t.Errorf("at level 150: left %v, right %v", left, right)
		}
		p.do(chromedp.Focus(chromedp.CSS("#level")))
		p.press(kb.Home)
		p.want("document.getElementById('rate').value", "10 %")
		time.Sleep(200 * time.Millisecond)
		if !marked(0.25) || !marked(0.75) {
			t.Error("at the first level not all is marked")
		}
		p.press(kb.End)
		p.want("document.getElementById('rate').value", "0.01 %")
		time.Sleep(200 * time.Millisecond)
		if marked(0.25) || marked(0.75) {
			t.Error("at the last level something is marked")
		}
		p.want("new URLSearchParams(location.hash.slice(1)).get('level')", "255")
		p.do(chromedp.SetValue(chromedp.CSS("#rule"), "1"))
		p.eval("document.getElementById('rule').dispatchEvent(new Event('input', { bubbles: true }))")
		p.want("[...document.querySelectorAll('.row')].filter(visible).length", "2")
		p.want("document.querySelector('.bar [data-reset]').disabled", "false")
	})

	t.Run("phone", func(t *testing.T) {
		p := open(t, ctx, dir, "", 390, 844, chromedp.EmulateMobile)
		p.want("document.documentElement.scrollWidth", "390")
		p.eval("document.querySelector('#t1 button.number').click()")
		p.want("document.querySelector('dialog').getBoundingClientRect().width", "390")
	})

	t.Run("many", func(t *testing.T) { // 200 classes take no time to filter
		p := page(t, "")
		ms := p.eval("(() => { const a = performance.now(); window.ltadbench.filter(); return performance.now() - a; })()")
		var took float64
		if fmt.Sscan(ms, &took); took > 500 {
			t.Errorf("filtering takes %s ms", ms)
		}
	})
}
