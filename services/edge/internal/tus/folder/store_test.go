package folder_test

import (
	"cmp"
	"log/slog"
	"testing"
	"time"

	"headway/services/edge/internal/tus"
	"headway/services/edge/internal/tus/folder"
	"headway/services/edge/internal/tus/tustest"
)

func TestFolderPassesContractOfStores(t *testing.T) {
	tustest.Run(t, func(t *testing.T, dir string, limits tus.Limits) tus.Store {
		t.Helper()
		limits.IdleAfter = cmp.Or(limits.IdleAfter, time.Hour)
		s, err := folder.Open(folder.Config{
			Folder: dir, TTL: 24 * time.Hour, Limits: limits, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
