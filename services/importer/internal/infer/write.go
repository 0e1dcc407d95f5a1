package infer

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// maxNamed is the number of spoilt cells that a comment names.
const maxNamed = 3

// WriteYAML writes the schema with the evidence as comments.
func (g *Guess) WriteYAML(w io.Writer) error {
	var out yamlWriter
	out.line(0, "# Inferred by `headway schema infer`. The comments give the evidence. Check it before you use it.")
	for _, l := range g.LeftOut {
		out.comment(0, l)
	}
	out.line(0, "%s", entry("name", g.Name))
	out.line(0, "sheets:")
	titles := g.sheetTitles()
	for _, s := range g.Sheets {
		g.writeSheet(&out, s, titles[s])
	}
	_, err := w.Write(out.Bytes())
	return err
}

type yamlWriter struct{ bytes.Buffer }

func (w *yamlWriter) line(indent int, format string, args ...any) {
	w.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

// comment writes a comment. A line break in a text of the data does not end it.
func (w *yamlWriter) comment(indent int, s string) {
	w.line(indent, "# %s", strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF' {
			return ' '
		}
		return r
	}, s))
}

func (g *Guess) writeSheet(w *yamlWriter, s *Sheet, title string) {
	w.line(2, "- %s", entry("name", s.Name))
	if title != defaultTitle(s.Name) {
		w.line(4, "%s", entry("title", title))
	}
	if s.Table != "" {
		w.line(4, "%s", entry("table", s.Table))
	}
	w.comment(4, s.KeyEvidence)
	if len(s.Key) == 1 {
		w.line(4, "%s", entry("key", s.Key[0]))
	} else {
		w.line(4, "key: [%s]", strings.Join(s.Key, ", "))
	}
	for _, l := range s.LeftOut {
		w.comment(4, l)
	}
	w.line(4, "columns:")
	for _, c := range s.Columns {
		g.writeColumn(w, s, c)
	}
}

func (g *Guess) writeColumn(w *yamlWriter, s *Sheet, c *Column) {
	evidence := c.Evidence
	if c.Reference != nil {
		evidence = append(evidence, c.Reference.Evidence)
	}
	for _, e := range evidence {
		w.comment(6, e)
	}
	if spoilt := g.namesSpoilt(s, c); spoilt != "" {
		w.comment(6, spoilt)
	}
	fields := []string{entry("name", c.Name)}
	if c.Title != defaultTitle(c.Name) {
		fields = append(fields, entry("title", c.Title))
	}
	if c.Field != "" {
		fields = append(fields, entry("column", c.Field))
	}
	fields = append(fields, entry("type", string(c.Type)))
	if c.Required {
		fields = append(fields, "required: true")
	}
	if c.Unique {
		fields = append(fields, "unique: true")
	}
	if c.MaxLength > 0 {
		fields = append(fields, "max_length: "+strconv.Itoa(c.MaxLength))
	}
	if len(c.Allowed) > 0 {
		quoted := make([]string, len(c.Allowed))
		for i, v := range c.Allowed {
			quoted[i] = scalar(v)
		}
		fields = append(fields, "allowed: ["+strings.Join(quoted, ", ")+"]")
	}
	if c.Zone != "" {
		fields = append(fields, entry("zone", c.Zone))
	}
	if c.Generate != "" {
		fields = append(fields, entry("generate", string(c.Generate)))
		if c.Sequence != "" {
			fields = append(fields, entry("sequence", c.Sequence))
		}
	}
	if r := c.Reference; r != nil {
		to := entry("references", r.Sheet+"."+r.To[0])
		if r.LeftOut == "" {
			fields = append(fields, to)
		} else {
			w.comment(6, to+" is left out: "+r.LeftOut)
		}
	}
	w.line(6, "- {%s}", strings.Join(fields, ", "))
}

// namesSpoilt names the first spoilt cells of a column.
func (g *Guess) namesSpoilt(s *Sheet, c *Column) string {
	var named []string
	n := 0
	for i := range g.Spoilt {
		spoilt := &g.Spoilt[i]
		if spoilt.Sheet != s.Name || spoilt.Column != c.Name {
			continue
		}
		if n++; n <= maxNamed {
			named = append(named, fmt.Sprintf("%s (%s)", spoilt.Value, spoilt.Cell))
		}
	}
	if n == 0 {
		return ""
	}
	more := ""
	if n > maxNamed {
		more = ", …"
	}
	return fmt.Sprintf("%s spoilt: %s%s", cells(n), strings.Join(named, ", "), more)
}

func cells(n int) string {
	if n == 1 {
		return "1 cell is"
	}
	return count(n) + " cells are"
}

func defaultTitle(name string) string {
	t := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(t[:1]) + t[1:]
}

// entry returns a key with a text as its value.
func entry(key, value string) string { return key + ": " + scalar(value) }

// plain are the characters of texts that need no quotation marks in YAML.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

// scalar returns a text as YAML has it, on one line.
func scalar(value string) string {
	if value != "" && strings.Trim(value, plain+" .0123456789") == "" && strings.Trim(value[:1], plain) == "" && !strings.HasSuffix(value, " ") {
		switch strings.ToLower(value) {
		case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		default:
			return value
		}
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: value}
	out, err := yaml.Dump(&node, yaml.WithLineWidth(-1))
	if err != nil {
		return strconv.Quote(value)
	}
	return strings.TrimSuffix(string(out), "\n")
}
