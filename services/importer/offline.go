package importer

import (
	"context"
	"fmt"
	"io"

	"headway/schemas"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/template"
)

// SampleOptions say what sample to generate.
type SampleOptions = sample.Options

// SampleManifest says what is in a sample, and what its import into an empty database must come to.
type SampleManifest = sample.Manifest

// WriteSample generates a workbook of the workforce schema, without a running service.
func WriteSample(ctx context.Context, w io.Writer, o SampleOptions) (SampleManifest, error) {
	return sample.Write(ctx, w, o)
}

// WriteTemplate writes the empty workbook of a schema, built in or of a folder (empty for none), without a running
// service.
func WriteTemplate(w io.Writer, folder, name string) error {
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files, Folder: folder})
	if err != nil {
		return fmt.Errorf("load schemas: %w", err)
	}
	s, err := registry.Get(name)
	if err != nil {
		return err
	}
	return template.Write(w, s)
}
