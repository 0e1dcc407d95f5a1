package e2e

import (
	"fmt"
	"testing"

	"headway/internal/pgtest"
)

// newJobsDatabase, if set, creates an empty database for the jobs of a server, and returns its URL.
var newJobsDatabase func() string

// TestProgramWorksOnPostgreSQL runs the main tests of the program again, with the jobs in PostgreSQL.
func TestProgramWorksOnPostgreSQL(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	databases := 0
	newJobsDatabase = func() string {
		databases++
		return server.Database(t, fmt.Sprint("jobs_", databases))
	}
	t.Cleanup(func() {
		newJobsDatabase = nil
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"imports and their watchers", TestEveryWatcherSeesSameSampleImport},
		{"policies", TestOnIssuesPolicies},
		{"command line", TestCommandLineImports},
		{"owners", TestOnlyOwnerSeesJob},
		{"repeated requests", TestSameRequestTwiceIsOneImport},
		{"kills", TestImportSurvivesKills},
		{"restart", TestQueuedJobsSurviveRestart},
		{"shutdown", TestCtrlCEndsCleanlyWithOpenStreams},
		{"separate processes", TestServicesRunAsSeparateProcesses},
		{"worker crash", TestCharacterSurvivesWorkerCrash},
	} {
		t.Run(test.name, test.run)
	}
	if databases < 8 {
		t.Errorf("only %d servers had their jobs in PostgreSQL", databases)
	}
}
