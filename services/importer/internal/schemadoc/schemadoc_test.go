package schemadoc_test

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"headway/internal/messages"
	"headway/schemas"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/schemadoc"
)

// workforce writes the page of the built-in schema.
func workforce(t *testing.T) (*schema.Schema, string) {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Load("workforce.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s, write(t, s)
}

func write(t *testing.T, s *schema.Schema) string {
	t.Helper()
	var b strings.Builder
	if err := schemadoc.Write(&b, s, messages.English); err != nil {
		t.Fatal(err)
	}
	if _, err := html.Parse(strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageHasEveryColumn(t *testing.T) {
	s, page := workforce(t)
	for _, sheet := range s.Sheets {
		for _, c := range sheet.Columns {
			row := regexp.MustCompile(`(?s)<tr id="` + sheet.Name + `\.` + c.Name + `">.*?</tr>`).FindString(page)
			for _, want := range []string{html.EscapeString(c.Title), "<code>" + c.Stored() + "</code>", string(c.Type)} {
				if !strings.Contains(row, want) {
					t.Errorf("%s.%s lacks %q: %s", sheet.Name, c.Name, want, row)
				}
			}
		}
	}
}

func TestLinksOfPageLeadSomewhere(t *testing.T) {
	_, page := workforce(t)
	var anchors, links []string
	tokens := html.NewTokenizer(strings.NewReader(page))
	for tokens.Next() != html.ErrorToken {
		for _, a := range tokens.Token().Attr {
			switch a.Key {
			case "id":
				anchors = append(anchors, "#"+a.Val)
			case "href":
				links = append(links, a.Val)
			}
		}
	}
	if err := tokens.Err(); err != io.EOF {
		t.Fatal(err)
	}
	if len(links) < 10 {
		t.Errorf("there are only the links %v", links)
	}
	for _, l := range links {
		if !slices.Contains(anchors, l) {
			t.Errorf("%s leads nowhere", l)
		}
	}
}

func TestPageShowsNamesAsText(t *testing.T) {
	page := write(t, &schema.Schema{Name: "x", Title: "<b>", Sheets: []*schema.Sheet{{
		Name: "y", Title: "&amp;", Table: `"<i>"`, Key: []string{"z"},
		Columns:   []*schema.Column{{Name: "z", Title: "<script>alert(1)</script>", Type: schema.Text, Required: true}},
		Generated: []*schema.Generated{{Name: "made", Field: "madeAt", Type: schema.DateTime, By: schema.Created}},
	}}})
	for _, want := range []string{"&lt;b&gt;", "&amp;amp;", "&lt;i&gt;", "&lt;script&gt;", "<code>madeAt</code>", "The time of the import that adds the row."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<script>") {
		t.Error("the page has a script")
	}
}

func TestPageInGerman(t *testing.T) {
	s, english := workforce(t)
	var b strings.Builder
	if err := schemadoc.Write(&b, s, messages.German); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<html lang="de">`, "Schema <code>workforce</code>. Die Blätter werden in dieser Reihenfolge geladen:", "Füllt die Tabelle <code>employees</code>.",
		"<th scope=\"col\">Überschrift</th>", "Andere Zeilen verweisen darauf: <a", "Schlüssel: Jeder Wert darf nur einmal vorkommen.", "Ein Stern (*)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, want := range []string{`<html lang="en">`, "Schema <code>workforce</code>. The sheets are loaded in this order:", "Fills the table <code>employees</code>."} {
		if !strings.Contains(english, want) {
			t.Errorf("the page in English lacks %q", want)
		}
	}
}
