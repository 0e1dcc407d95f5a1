package intake

import (
	"context"
	"maps"

	"headway/internal/quota"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// Changes are the options that a repeated import has instead of those of the earlier one. Zero values change nothing.
type Changes struct {
	// Owner is the owner of the new import.
	Owner, RequestID string
	Mapping          []imports.SheetMapping
	// Text replaces the format of the earlier import, or those of all its files. Texts replaces those of some of several files.
	Text  *source.TextFormat
	Texts map[string]source.TextFormat
	// OnIssues and Mode change the policy.
	OnIssues imports.OnIssues
	Mode     imports.Mode
	DryRun   *bool
}

// of returns the request that imports the file of an earlier import again.
func (c *Changes) of(earlier *imports.Import) Request {
	hints := earlier.Hints()
	r := Request{Owner: c.Owner, Schema: earlier.Schema, FileName: earlier.FileName, RequestID: c.RequestID, Policy: earlier.Policy,
		Mapping: earlier.Mapping, Text: hints.Text, Texts: hints.Texts, SizeBytes: earlier.SizeBytes}
	if len(c.Mapping) > 0 {
		r.Mapping = c.Mapping
	}
	r.Texts = maps.Clone(r.Texts)
	if c.Text != nil {
		r.Text, r.Texts = *c.Text, nil
	}
	if r.Texts == nil {
		r.Texts = map[string]source.TextFormat{}
	}
	maps.Copy(r.Texts, c.Texts)
	if c.OnIssues != 0 {
		r.Policy.OnIssues = c.OnIssues
	}
	if c.Mode != 0 {
		r.Policy.Mode = c.Mode
	}
	if c.DryRun != nil {
		r.Policy.DryRun = *c.DryRun
	}
	return r
}

// Repeat is Accept for a copy of the file of an earlier import. It returns imports.ErrWorkbookGone if that file was deleted.
func (in *Intake) Repeat(ctx context.Context, earlier *imports.Import, c Changes) (im imports.Import, replayed bool, err error) {
	return in.accept(ctx, c.of(earlier), func(ctx context.Context, r Request, im *imports.Import, hold *quota.Hold) error {
		if _, err := in.reserve(ctx, r, hold); err != nil {
			return err
		}
		if err := in.Files.Copy(ctx, im.ID, earlier.ID); err != nil {
			return err
		}
		im.SizeBytes, im.SHA256, im.FileStored = earlier.SizeBytes, earlier.SHA256, true
		return nil
	})
}

// PreviewStored previews the file of an import, which is kept.
func (in *Intake) PreviewStored(ctx context.Context, im *imports.Import, c Changes) (p Preview, err error) {
	spec, err := in.Schemas.Get(im.Schema)
	if err != nil {
		return p, err
	}
	hold := in.Quota.Hold(im.Owner)
	defer hold.End(false)
	return in.look(ctx, spec, *im, c.of(im), hold)
}
