package xlsx

import (
	"context"
	"path"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// relationship is a link from one part to another (ECMA-376 Part 2 §6.5).
type relationship struct {
	kind     string // last word of its type, which transitional and strict share
	target   string // part name
	external bool
}

// required returns the entry of a part that every workbook must have.
func (p *pack) required(part string) (*zipxml.Part, error) {
	if e := p.Find(part); e != nil {
		return e, nil
	}
	return nil, zipxml.Refuse(source.Damaged, part, "the part is missing")
}

// relationships returns the relationships of a part by ID. Part "" is the package.
// A part without relationships has no relationships part.
func (p *pack) relationships(ctx context.Context, part string) (map[string]relationship, error) {
	rels := map[string]relationship{}
	e := p.Find(relsPart(part))
	if e == nil {
		return rels, nil
	}
	err := p.Each(ctx, e, func(x *zipxml.Scanner) error {
		if x.Depth() < 2 || string(x.Local) != "Relationship" {
			return nil
		}
		id := string(x.Attr("Id"))
		if _, twice := rels[id]; twice {
			return x.Refusal(source.Damaged, "two relationships have the id %q", zipxml.Clip([]byte(id)))
		}
		if len(rels) == p.Limits.MaxEntries {
			return x.Refusal(source.LimitExceeded, "it has more than %d relationships", p.Limits.MaxEntries)
		}
		rels[id] = relationship{
			kind:     path.Base(string(x.Attr("Type"))),
			target:   resolvePart(part, string(x.Attr("Target"))),
			external: string(x.Attr("TargetMode")) == "External",
		}
		return nil
	})
	return rels, err
}

// single returns the part of a kind that a workbook has once, or nil. With two of them, it is not known which one applies.
func (p *pack) single(rels map[string]relationship, kind string) (found *zipxml.Part, err error) {
	for _, rel := range rels {
		e := p.Find(rel.target)
		if rel.kind != kind || rel.external || e == nil {
			continue
		}
		if found != nil && found != e {
			return nil, zipxml.Refuse(source.Damaged, e.Name, "it is one of two parts of the kind %q", kind)
		}
		found = e
	}
	return found, nil
}

// contentTypes are the content types of the parts (ECMA-376 Part 2 §6.2.3).
type contentTypes struct {
	parts      map[string]string // by partKey
	extensions map[string]string
}

func (p *pack) contentTypes(ctx context.Context) (contentTypes, error) {
	t := contentTypes{map[string]string{}, map[string]string{}}
	e := p.Find("[Content_Types].xml")
	if e == nil {
		return t, nil
	}
	err := p.Each(ctx, e, func(x *zipxml.Scanner) error {
		if len(t.parts)+len(t.extensions) > 2*p.Limits.MaxEntries {
			return x.Refusal(source.LimitExceeded, "it lists more than %d parts", 2*p.Limits.MaxEntries)
		}
		kind := string(x.Attr("ContentType"))
		switch {
		case x.Depth() < 2:
		case string(x.Local) == "Override":
			t.parts[zipxml.Key(zipxml.CleanName(string(x.Attr("PartName"))))] = kind
		case string(x.Local) == "Default":
			t.extensions[strings.ToLower(string(x.Attr("Extension")))] = kind
		}
		return nil
	})
	return t, err
}

// of returns the content type of a part. It is empty if none is declared.
func (t contentTypes) of(part string) string {
	if kind, ok := t.parts[zipxml.Key(part)]; ok {
		return kind
	}
	return t.extensions[strings.TrimPrefix(strings.ToLower(path.Ext(part)), ".")]
}

// resolvePart returns the part that target names, as seen from the part base (ECMA-376 Part 2 §6.5.3.4: relative to
// base unless it begins with a slash).
func resolvePart(base, target string) string {
	target = strings.ReplaceAll(target, `\`, "/")
	if target, _, _ = strings.Cut(target, "#"); strings.HasPrefix(target, "/") {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return strings.TrimPrefix(path.Clean("/"+path.Dir(base)+"/"+target), "/")
}

// relsPart returns the name of the part that holds the relationships of part.
func relsPart(part string) string {
	dir, file := path.Split(part)
	return dir + "_rels/" + file + ".rels"
}
