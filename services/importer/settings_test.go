package importer_test

import (
	"strings"
	"testing"

	"headway/services/importer"
)

func TestTooSmallMemoryBudgetNamesTheMinimum(t *testing.T) {
	_, err := importer.New(importer.Config{Settings: importer.Settings{Memory: 100 << 20}})
	if err == nil || !strings.Contains(err.Error(), "--memory is 100MiB. The minimum is 256MiB") {
		t.Errorf("got %v", err)
	}
}
