package xlsx

import (
	"context"
	"path"
	"strings"

	"headway/services/importer/internal/source"
)

// relationship is a link from one part to another (ECMA-376 Part 2 §6.5).
type relationship struct {
	kind     string // last word of its type, which transitional and strict share
	target   string // part name
	external bool
}

// required returns the entry of a part that every workbook must have.
func (p *pack) required(part string) (*entry, error) {
	if e := p.find(part); e != nil {
		return e, nil
	}
	return nil, refuse(source.Damaged, part, "the part is missing")
}

// relationships returns the relationships of a part by ID. Part "" is the package.
// A part without relationships has no relationships part.
func (p *pack) relationships(ctx context.Context, part string) (map[string]relationship, error) {
	rels := map[string]relationship{}
	e := p.find(relsPart(part))
	if e == nil {
		return rels, nil
	}
	err := p.each(ctx, e, func(x *scanner) error {
		if x.depth() < 2 || string(x.local) != "Relationship" {
			return nil
		}
		id := string(x.attr("Id"))
		if _, twice := rels[id]; twice {
			return x.refusal(source.Damaged, "two relationships have the id %q", clip([]byte(id)))
		}
		if len(rels) == p.limits.MaxEntries {
			return x.refusal(source.LimitExceeded, "it has more than %d relationships", p.limits.MaxEntries)
		}
		rels[id] = relationship{
			kind:     path.Base(string(x.attr("Type"))),
			target:   resolvePart(part, string(x.attr("Target"))),
			external: string(x.attr("TargetMode")) == "External",
		}
		return nil
	})
	return rels, err
}

// single returns the part of a kind that a workbook has once, or nil. With two of them, it is not known which one applies.
func (p *pack) single(rels map[string]relationship, kind string) (found *entry, err error) {
	for _, rel := range rels {
		e := p.find(rel.target)
		if rel.kind != kind || rel.external || e == nil {
			continue
		}
		if found != nil && found != e {
			return nil, refuse(source.Damaged, e.name, "it is one of two parts of the kind %q", kind)
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
	e := p.find("[Content_Types].xml")
	if e == nil {
		return t, nil
	}
	err := p.each(ctx, e, func(x *scanner) error {
		if len(t.parts)+len(t.extensions) > 2*p.limits.MaxEntries {
			return x.refusal(source.LimitExceeded, "it lists more than %d parts", 2*p.limits.MaxEntries)
		}
		kind := string(x.attr("ContentType"))
		switch {
		case x.depth() < 2:
		case string(x.local) == "Override":
			t.parts[partKey(cleanPart(string(x.attr("PartName"))))] = kind
		case string(x.local) == "Default":
			t.extensions[strings.ToLower(string(x.attr("Extension")))] = kind
		}
		return nil
	})
	return t, err
}

// of returns the content type of a part. It is empty if none is declared.
func (t contentTypes) of(part string) string {
	if kind, ok := t.parts[partKey(part)]; ok {
		return kind
	}
	return t.extensions[strings.TrimPrefix(strings.ToLower(path.Ext(part)), ".")]
}
