package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"headway/internal/governor"
	"headway/internal/quota"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Preview describes the contents of a file, and how it could be imported.
type Preview struct {
	mapping.Preview
	Schema   *schema.Schema
	FileName string
	// Text is the format of a text file, or nil.
	Text *source.TextFormat
	// Texts are the formats of several text files, by their names.
	Texts map[string]source.TextFormat
	// Mapping is the one of the request, or the one that the user has used at RememberedAt for files with the same headers.
	Mapping      []imports.SheetMapping
	RememberedAt time.Time
}

// Preview receives a file, reads its beginning, and deletes it. Errors are those of Accept, but not *mapping.Error: such a file
// has a preview.
func (in *Intake) Preview(ctx context.Context, r Request) (p Preview, err error) {
	if r.Schema == "" {
		r.Schema = DefaultSchema
	}
	if r.SizeBytes > in.MaxBytes {
		return p, &TooLargeError{in.MaxBytes}
	}
	spec, err := in.Schemas.Get(r.Schema)
	if err != nil {
		return p, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return p, fmt.Errorf("create an ID: %w", err)
	}
	r.RequestID = ""
	im := imports.Import{ID: id.String(), Owner: r.Owner, FileName: fileName(r.FileName), CreatedAt: time.Now().UTC()}
	hold := in.Quota.Hold(im.Owner)
	defer hold.End(false)
	if err := in.receive(ctx, r, &im, hold); err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, in.Files.Delete(context.WithoutCancel(ctx), im.ID)) }()
	return in.look(ctx, spec, im, r, hold)
}

// look previews the stored file of an import.
func (in *Intake) look(ctx context.Context, spec *schema.Schema, im imports.Import, r Request, hold *quota.Hold) (p Preview, err error) {
	p.Schema = spec
	err = in.read(ctx, &im, r, hold, func(book source.Workbook, _ *governor.Share) (err error) {
		if book, err = mapping.Unstack(ctx, book, p.Schema); err != nil {
			return err
		}
		update := r.Policy.Mode == imports.UpdateOnly
		if p.Mapping = r.Mapping; len(p.Mapping) == 0 {
			remembered, err := in.recall(ctx, book, im.Owner, spec)
			if err != nil {
				return err
			}
			p.Mapping, p.RememberedAt = remembered.Mapping, remembered.UsedAt
		}
		p.Preview, err = mapping.Look(ctx, book, spec, p.Mapping, update)
		if err == nil && !p.RememberedAt.IsZero() && p.Problem != nil { // the schema has changed since then
			p.Mapping, p.RememberedAt = nil, time.Time{}
			p.Preview, err = mapping.Look(ctx, book, spec, nil, update)
		}
		return err
	})
	p.FileName, p.Text, p.Texts = im.FileName, im.Text, im.Texts
	return p, err
}
