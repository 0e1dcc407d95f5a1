// Command messybench reads the messy files of public benchmarks, without any information about them, and prints how
// they score. It needs Python 3 for the scorers, which are next to the files.
//
//	messybench DIR          prints the scores
//	messybench -learn DIR   learns the weights of internal/layout from the annotated sheets in DIR, and writes them to stdout
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	learn := flag.Bool("learn", false, "learn the weights that find tables")
	only := flag.String("set", "", "run only the sets whose name contains this")
	keep := flag.String("keep", "", "directory for the results; a temporary one by default")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: messybench [-learn] [-set NAME] [-keep DIR] DIR")
		os.Exit(2)
	}
	run := func(ctx context.Context, dir, out string) error { return score(ctx, dir, out, *only) }
	if *learn {
		run = func(_ context.Context, dir, _ string) error { return learnWeights(dir) }
	}
	if err := withFolder(*keep, func(out string) error { return run(context.Background(), flag.Arg(0), out) }); err != nil {
		fmt.Fprintln(os.Stderr, "messybench:", err)
		os.Exit(1)
	}
}

// withFolder calls do with a folder, and deletes it afterward unless it was given.
func withFolder(folder string, do func(string) error) error {
	if folder != "" {
		return do(folder)
	}
	folder, err := os.MkdirTemp("", "messybench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	return do(folder)
}

// set is one benchmark.
type set struct {
	name, goal string
	run        func(ctx context.Context, dir, out string) (result string, err error)
}

func score(ctx context.Context, dir, out, only string) error {
	for _, s := range []set{
		{"polluted files (Pollock)", "perfect ≥ 850 of 1,145, weighted ≥ 9.80", pollock},
		{"the same on other tables", "perfect ≥ 160 of 248", pollockOther},
		{"real survey files", "perfect ≥ 28 of 41", survey},
		{"header and extent of tables", "header ≥ .75, extent ≥ .60 of 633", headerLines},
		{"column matching", "recall at ground truth fab ≥ .96, gdc ≥ .50, smutf ≥ .88; precision of what is accepted ≥ .95", matching},
		{"workbooks against Excel's own export", "xlsx ≥ 44 of 50, ods ≥ .92", workbooks},
		{"dates and numbers of many countries", "≥ 160 of 180", formats},
		{"keys of databases", "primary keys ≥ 48 of 50, foreign keys F1 ≥ .97", relational("relational")},
		{"keys of workbooks that refer by name", "foreign keys F1 ≥ .85", relational("workbook_refs")},
	} {
		if !strings.Contains(s.name, only) {
			continue
		}
		result, err := s.run(ctx, dir, out)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("## %s\n%s\n(goal: %s)\n\n", s.name, strings.TrimSpace(result), s.goal)
	}
	return nil
}

// python runs a scorer, or another command of Python, and returns its output.
func python(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "python3", args...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("python3 %s: %w", args[0], err)
	}
	return string(output), nil
}

func pollock(ctx context.Context, dir, out string) (string, error) {
	unpacked := filepath.Join(out, "pollock")
	if _, err := python(ctx, "-c", "import glob, sys, tarfile; [tarfile.open(f).extractall(sys.argv[2], filter='data') for f in glob.glob(sys.argv[1])]",
		filepath.Join(dir, "pollock", "*.tar.xz"), unpacked); err != nil {
		return "", err
	}
	if err := convertAll(ctx, filepath.Join(unpacked, "csv"), filepath.Join(out, "pollock-read")); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "pollock_score.py"), filepath.Join(unpacked, "clean"), filepath.Join(out, "pollock-read"),
		"--weights", filepath.Join(dir, "pollock", "pollock_weights.json"), "--out", filepath.Join(out, "pollock.csv"))
}

func pollockOther(ctx context.Context, dir, out string) (string, error) {
	if err := convertAll(ctx, filepath.Join(dir, "pollock_other", "csv"), filepath.Join(out, "other-read", "headway")); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "score_other.py"), filepath.Join(dir, "pollock_other"), filepath.Join(out, "other-read"))
}

func survey(ctx context.Context, dir, out string) (string, error) {
	if err := convertAll(ctx, filepath.Join(dir, "pollock_survey", "csv"), filepath.Join(out, "survey-read")); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "pollock_score.py"), filepath.Join(dir, "pollock_survey", "clean"), filepath.Join(out, "survey-read"),
		"--out", filepath.Join(out, "survey.csv"))
}
