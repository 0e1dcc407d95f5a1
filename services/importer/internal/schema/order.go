package schema

import (
	"slices"
	"strings"
)

// order sorts the sheets so that every sheet comes after those that it refers to, and otherwise as in the file. It reports
// every group of sheets that can't be sorted, even if the schema has other problems.
func (l *loader) order(d *schemaDraft) {
	placed := make(map[*sheetDraft]bool, len(d.sheets))
	rest := slices.Clone(d.sheets)
	d.Sheets = d.Sheets[:0]
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(s *sheetDraft) bool { return d.waitsFor(s, placed) == nil })
		if next < 0 {
			// The sheets of the cycle count as placed, so that the others are checked too.
			for _, s := range l.cycle(d, rest[0], placed) {
				placed[s] = true
				rest = slices.DeleteFunc(rest, func(r *sheetDraft) bool { return r == s })
			}
			continue
		}
		placed[rest[next]] = true
		d.Sheets = append(d.Sheets, rest[next].Sheet)
		rest = slices.Delete(rest, next, next+1)
	}
}

// sheet returns the first sheet with a name, or nil.
func (d *schemaDraft) sheet(name string) *sheetDraft {
	i := slices.IndexFunc(d.sheets, func(s *sheetDraft) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return d.sheets[i]
}

// waitsFor returns the first column of a sheet that refers to another sheet that has no position yet, or nil.
func (d *schemaDraft) waitsFor(s *sheetDraft, placed map[*sheetDraft]bool) *columnDraft {
	for _, c := range s.columns {
		if c.References == nil {
			continue
		}
		if parent := d.sheet(c.References.Sheet); parent != nil && parent != s && !placed[parent] {
			return c
		}
	}
	return nil
}

// cycle reports the cycle that a sheet without a possible position leads to, and returns its sheets.
func (l *loader) cycle(d *schemaDraft, from *sheetDraft, placed map[*sheetDraft]bool) []*sheetDraft {
	var path []*sheetDraft
	s := from
	for !slices.Contains(path, s) {
		path = append(path, s)
		s = d.sheet(d.waitsFor(s, placed).References.Sheet)
	}
	path = path[slices.Index(path, s):]
	names := make([]string, len(path)+1)
	for i := range names {
		names[i] = path[i%len(path)].Name
	}
	l.add(d.waitsFor(s, placed).at("references"), ReferenceCycle,
		"the sheets refer to each other in a cycle, so none can be loaded first: %s. Delete one of the references", strings.Join(names, " → "))
	return path
}
