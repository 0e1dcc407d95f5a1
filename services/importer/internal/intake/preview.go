package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"headway/internal/governor"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Preview is what a file has, and how it could be imported.
type Preview struct {
	mapping.Preview
	Schema   *schema.Schema
	FileName string
	// Text is the format of a text file, or nil.
	Text *source.TextFormat
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
	if p.Schema, err = in.Schemas.Get(r.Schema); err != nil {
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
	err = in.read(ctx, &im, r, func(book source.Workbook, _ *governor.Share) (err error) {
		p.Preview, err = mapping.Look(ctx, book, p.Schema, r.Mapping, r.Policy.Mode == imports.UpdateOnly)
		return err
	})
	p.FileName, p.Text = im.FileName, im.Text
	return p, err
}
