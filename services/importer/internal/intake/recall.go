package intake

import (
	"context"
	"errors"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// recall returns the mapping that the owner has used for files with the same headers, or none.
func (in *Intake) recall(ctx context.Context, book source.Workbook, owner string, spec *schema.Schema) (imports.RememberedMapping, error) {
	headers, err := mapping.Headers(ctx, book, spec)
	if err != nil {
		return imports.RememberedMapping{}, err
	}
	remembered, err := in.Store.RememberedMapping(ctx, owner, spec.Name, headers)
	if errors.Is(err, imports.ErrNotFound) {
		return imports.RememberedMapping{}, nil
	}
	return remembered, err
}

// settleMapping remembers the mapping of an upload. If the upload asks for it, and has none, it returns an error about columns that
// are not certain.
func (in *Intake) settleMapping(ctx context.Context, book source.Workbook, im *imports.Import, spec *schema.Schema, r Request) error {
	update := im.Policy.Mode == imports.UpdateOnly
	if r.ConfirmMapping {
		if err := mapping.Confirm(ctx, book, spec, r.Mapping, update); err != nil {
			return err
		}
	}
	switch {
	case len(r.Mapping) > 0:
		headers, err := mapping.Headers(ctx, book, spec)
		if err != nil {
			return err
		}
		err = in.Store.RememberMapping(ctx, im.Owner, im.Schema, headers, imports.RememberedMapping{Mapping: r.Mapping, UsedAt: im.CreatedAt})
		if errors.Is(err, imports.ErrMappingTooLarge) {
			return nil // the import has it, but it isn't offered again
		}
		return err
	case r.ConfirmMapping:
		remembered, err := in.recall(ctx, book, im.Owner, spec)
		if err != nil || len(remembered.Mapping) == 0 {
			return err
		}
		return mapping.ConfirmRecalled(ctx, book, spec, remembered.Mapping, im.Sheets, update)
	}
	return nil
}
