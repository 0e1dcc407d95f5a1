package importer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
)

// TestUsersOfTargetsFileImport lets one user import into the database that the targets file has for a schema.
func TestUsersOfTargetsFileImport(t *testing.T) {
	w := setup(t, func(c *importer.Config) {
		c.Targets = filepath.Join(t.TempDir(), "targets.yaml")
		text := "targets:\n  staff: {file: " + filepath.Join(c.DataDir, "staff.db") + "}\nschemas:\n  workforce: {target: staff, users: [ann]}\n"
		if err := os.WriteFile(c.Targets, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	file := w.sampleBook(50, 0)
	wantStatus(t, w.end(file, &importsv1.UploadOptions{}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if _, err := os.Stat(filepath.Join(w.dir, "staff.db")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "records.db")); !os.IsNotExist(err) {
		t.Errorf("there is also the default database: %v", err)
	}
	if _, err := w.upload("ben", file, &importsv1.UploadOptions{}); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "targets file") {
		t.Errorf("another user: %v", err)
	}
	for user, want := range map[string]int{"ann": 1, "ben": 0} {
		answer, err := w.imports.ListSchemas(t.Context(), &importsv1.ListSchemasRequest{}, w.as(user))
		if err != nil || len(answer.GetSchemas()) != want {
			t.Errorf("%s sees %v (%v)", user, answer.GetSchemas(), err)
		}
	}
}

func TestSettingsOfTargetsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		settings importer.Settings
		want     string
	}{
		"both":          {importer.Settings{Records: "x.db", Targets: "targets.yaml"}, "--records and --targets are both set"},
		"another kind":  {importer.Settings{Records: "mysql://host/x"}, `of the kind "mysql"`},
		"missing files": {importer.Settings{Targets: filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			config := w.config
			config.Settings, config.DataDir = c.settings, t.TempDir()
			config.ImporterListen = "127.0.0.1:0"
			if _, err := importer.New(config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}
