package mapping

import (
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
)

// leastName is how alike a header must be to that of a part of a name, or of the whole name.
const leastName = .85

// The parts of a name, as headers have them.
var (
	firstName = []string{"first name"}
	lastName  = []string{"last name"}
	fullName  = []string{"full name"}
	anyName   = []string{"name"}
)

// joinNames proposes to join the first and the last name for a column with the full name, instead of taking one of them for it. “Name” next
// to a first name is the last name. It returns the proposals without those for the column.
func joinNames(f *fileTable, spec *schema.Sheet, explicit imports.SheetMapping, proposals []ColumnProposal) ([]ColumnProposal, []imports.ColumnJoin) {
	first, last := f.headerLike(firstName), f.headerLike(lastName)
	if last == "" {
		last = f.headerLike(anyName) // next to a first name, it is the last name
	}
	if first == "" || last == "" || first == last {
		return proposals, nil
	}
	var joins []imports.ColumnJoin
	for _, c := range spec.Columns {
		names := c.Names()
		at := slices.IndexFunc(proposals, func(p ColumnProposal) bool { return p.Name == c.Name })
		switch _, mapped := explicit.Columns[c.Name]; {
		case match.Names(names, firstName) >= leastName || match.Names(names, lastName) >= leastName:
			return proposals, nil // the schema has the parts
		case match.Names(names, fullName) < leastName, mapped, slices.Contains(derivedColumns(explicit), c.Name), explicit.Constants[c.Name] != "":
			continue
		case at >= 0 && (proposals[at].Reason == ByMapping || proposals[at].Header != first && proposals[at].Header != last):
			continue
		case at >= 0:
			proposals = slices.Delete(proposals, at, at+1)
		}
		joins = append(joins, imports.ColumnJoin{Column: c.Name, Headers: []string{first, last}, Separator: " "})
	}
	return proposals, joins
}

// headerLike returns the header that is most like a name, or nothing if none is.
func (f *fileTable) headerLike(name []string) (header string) {
	best := leastName
	for _, c := range f.Columns {
		if likeness := match.Names([]string{c.Header}, name); likeness >= best && header == "" || likeness > best {
			best, header = likeness, c.Header
		}
	}
	return header
}
