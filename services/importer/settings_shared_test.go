package importer_test

import (
	"strings"
	"testing"

	"headway/internal/auth"
	"headway/services/importer"
)

func TestSharedDatabaseNeedsSharedFilesAndRows(t *testing.T) {
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	const database = "postgres://127.0.0.1/imports"
	for want, s := range map[string]importer.Settings{
		"needs --blobs":                {ImportsDatabase: database, Records: database},
		"needs --records or --targets": {ImportsDatabase: database, Blobs: "file:///srv/blobs"},
		"must not write rows":          {ImportsDatabase: database, Blobs: "file:///srv/blobs", Records: "/srv/records.db"},
		"begin it with postgres://":    {ImportsDatabase: "mysql://127.0.0.1/imports", Blobs: "file:///srv/blobs", Records: database},
	} {
		s.ImporterListen = "127.0.0.1:0"
		_, err := importer.New(importer.Config{Settings: s, DataDir: t.TempDir(), Verifier: key, Logger: logger(t),
			Credentials: key.ServiceCredentials("importer", auth.ScopeService)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
