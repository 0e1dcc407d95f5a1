package xlsx

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/klauspost/compress/flate"

	"headway/services/importer/internal/source"
)

// largeWorkbook returns the path of a workbook of rows × 10 cells of all
// usual kinds, some of them blank, with inline or shared text. It is created once, and kept in the folder for temporary
// files.
func largeWorkbook(tb testing.TB, rows int, shared bool) string {
	tb.Helper()
	kind := "inline"
	if shared {
		kind = "shared"
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("headway-rows-%d-%s.xlsx", rows, kind))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	file, err := os.CreateTemp(filepath.Dir(path), "headway-rows-*")
	if err != nil {
		tb.Fatal(err)
	}
	defer os.Remove(file.Name())
	if err := writeLarge(file, rows, shared); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		tb.Fatal(err)
	}
	return path
}

func writeLarge(w io.Writer, rows int, shared bool) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 6) })
	for _, part := range [][2]string{
		{"[Content_Types].xml", minimalTypes},
		{"_rels/.rels", minimalRels},
		{"xl/workbook.xml", minimalWorkbook},
		{"xl/_rels/workbook.xml.rels", minimalWorkbookRels},
		{"xl/styles.xml", minimalStyles},
	} {
		p, err := z.Create(part[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p, part[1]); err != nil {
			return err
		}
	}
	p, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return err
	}
	g := &largeSheet{out: bufio.NewWriterSize(p, 1<<20), shared: shared, rnd: rand.New(rand.NewPCG(1, 2)), index: map[string]int{}}
	g.sheet(rows)
	if err := g.out.Flush(); err != nil {
		return err
	}
	if shared {
		if p, err = z.Create("xl/sharedStrings.xml"); err != nil {
			return err
		}
		g.out.Reset(p)
		g.table()
		if err := g.out.Flush(); err != nil {
			return err
		}
	}
	return z.Close()
}

type largeSheet struct {
	out    *bufio.Writer
	shared bool
	rnd    *rand.Rand
	texts  []string
	index  map[string]int
	row    int
	col    int
}

func (g *largeSheet) sheet(rows int) {
	g.out.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n" +
		`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1"/><sheetData>`)
	first := []string{"Ada", "Grace", "Linus", "Barbara", "Edsger", "Donald", "Radia", "Ken"}
	last := []string{"Lovelace", "Hopper", "Torvalds", "Liskov", "Dijkstra", "Knuth", "Perlman", "Thompson"}
	departments := []string{"Research & Development", "Sales", "Finance", "Operations", "Support"}
	for g.row = 1; g.row <= rows; g.row++ {
		fmt.Fprintf(g.out, `<row r="%d" spans="1:10">`, g.row)
		g.col = 0
		n := g.rnd.IntN(1 << 30)
		a, b := first[n%8], last[n/8%8]
		g.text(fmt.Sprintf("E%07d", g.row))
		g.text(a + " " + b + " " + strconv.Itoa(g.row%1000))
		g.text(fmt.Sprintf("%s.%s.%d@example.com", a, b, g.row))
		g.text(departments[n/64%5])
		g.number(strconv.Itoa(36_000+n%9_000), 1)
		g.number(strconv.FormatFloat(float64(n%10_000_000)/100, 'f', 2, 64), 0)
		g.number(strconv.Itoa(n%100), 0)
		if n%10 < 7 {
			g.text(fmt.Sprintf("+49 30 %07d", n%10_000_000))
		} else {
			g.col++
		}
		g.cell("b", 0)
		fmt.Fprintf(g.out, "<v>%d</v></c>", n&1)
		if n%10 < 6 {
			g.text("note on " + strconv.Itoa(n))
		} else {
			g.col++
		}
		g.out.WriteString("</row>")
	}
	g.out.WriteString("</sheetData></worksheet>")
}

func (g *largeSheet) cell(kind string, style int) {
	g.col++
	fmt.Fprintf(g.out, `<c r="%s"`, source.CellName(g.col, g.row))
	if style != 0 {
		fmt.Fprintf(g.out, ` s="%d"`, style)
	}
	if kind != "" {
		fmt.Fprintf(g.out, ` t="%s"`, kind)
	}
	g.out.WriteByte('>')
}

func (g *largeSheet) number(v string, style int) {
	g.cell("", style)
	g.out.WriteString("<v>" + v + "</v></c>")
}

func (g *largeSheet) text(s string) {
	if !g.shared {
		g.cell("inlineStr", 0)
		g.out.WriteString("<is><t>" + escapeText(s) + "</t></is></c>")
		return
	}
	i, ok := g.index[s]
	if !ok {
		i = len(g.texts)
		g.index[s] = i
		g.texts = append(g.texts, s)
	}
	g.cell("s", 0)
	fmt.Fprintf(g.out, "<v>%d</v></c>", i)
}

func (g *largeSheet) table() {
	fmt.Fprintf(g.out, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+"\n"+
		`<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="%d">`, len(g.texts))
	for _, s := range g.texts {
		g.out.WriteString("<si><t>" + escapeText(s) + "</t></si>")
	}
	g.out.WriteString("</sst>")
}
