package prosetest

import (
	"bytes"
	"go/scanner"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// kind is the role of a text in its file.
type kind int

const (
	document kind = iota
	comment
	literal
	testName
	identifier
)

// span is a text in a file, with the line on which it starts. Line breaks in it are those of the file.
type span struct {
	kind kind
	line int
	text string
}

// spans returns the texts of a file that a reader meets.
func spans(file string, source []byte) []span {
	switch path.Ext(file) {
	case ".go":
		return goSpans(source)
	case ".md":
		return markdownSpans(file, source)
	case ".proto", ".ts", ".tsx", ".mjs", ".js", ".css":
		return cSpans(file, source)
	case ".yaml", ".yml", ".json", ".jsonc", ".html", ".py", ".npmrc", ".gitignore":
		return []span{{document, 1, string(source)}}
	case ".sql":
		return lineComments(source, "--")
	}
	switch base := path.Base(file); {
	case base == "Makefile", bytes.HasPrefix(source, []byte("#!")):
		return []span{{document, 1, string(source)}} // what they print counts as well
	case base == "Caddyfile", strings.HasSuffix(base, ".conf"):
		return lineComments(source, "#")
	}
	return nil
}

var (
	help       = regexp.MustCompile(`help:"((?:[^"\\]|\\.)*)"`)
	capital    = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
)

// goSpans returns the comments, interpreted strings, flag help, test names and identifiers of a Go file.
func goSpans(source []byte) (found []span) {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	previous, lastComment := token.ILLEGAL, -1
	for {
		pos, tok, text := s.Scan()
		line := file.Line(pos)
		switch tok {
		case token.EOF:
			return found
		case token.COMMENT:
			text = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(text, "/*"), "*/"), "//")
			text = strings.TrimPrefix(text, " ")
			if previous == token.COMMENT && len(found) > 0 && lastComment+1 == line {
				found[len(found)-1].text += "\n" + plain(text)
			} else {
				found = append(found, span{comment, line, plain(text)})
			}
			lastComment = line + strings.Count(text, "\n")
		case token.STRING:
			if strings.HasPrefix(text, "`") {
				for _, m := range help.FindAllStringSubmatch(text, -1) {
					found = append(found, span{literal, line, m[1]})
				}
			} else if value, err := strconv.Unquote(text); err == nil && strings.Contains(value, " ") {
				// An escaped line break is not one of the file.
				found = append(found, span{literal, line, strings.ReplaceAll(value, "\n", " ")})
			}
		case token.IDENT:
			if name, ok := strings.CutPrefix(text, "Test"); ok && previous == token.FUNC && name != "Main" && name != "" {
				found = append(found, span{testName, line, capital.ReplaceAllString(name, "$1$3 $2$4")})
			} else {
				found = append(found, span{identifier, line, text})
			}
		}
		if tok != token.SEMICOLON || text != "\n" {
			previous = tok
		}
	}
}

// plain replaces code in backticks, whose words are names.
func plain(text string) string { return inlineCode.ReplaceAllString(text, "X") }

// markdownSpans returns the text of a document without its code. The glossary's last column lists words to avoid, so it
// is left out.
func markdownSpans(file string, source []byte) []span {
	glossary := file == "docs/glossary.md"
	lines := strings.Split(string(source), "\n")
	fenced := false
	for i, line := range lines {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
			lines[i] = ""
		case fenced:
			lines[i] = ""
		case glossary && strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
			lines[i] = strings.Join(cells[:len(cells)-1], "|")
		}
		lines[i] = plain(lines[i])
	}
	return []span{{document, 1, strings.Join(lines, "\n")}}
}

// lineComments returns the comments of a file in which they start with a mark. Comments on consecutive lines are one.
func lineComments(source []byte, mark string) (found []span) {
	last := -1
	for i, line := range strings.Split(string(source), "\n") {
		_, text, ok := strings.Cut(line, mark)
		if !ok {
			continue
		}
		text = plain(strings.TrimLeft(text, "# "))
		if last+1 == i && len(found) > 0 {
			found[len(found)-1].text += "\n" + text
		} else {
			found = append(found, span{comment, i + 1, text})
		}
		last = i
	}
	return found
}

var (
	// Comments, strings, regular expressions, text between JSX tags, and names, in the order in which they are tried.
	lexeme = regexp.MustCompile("(?s)^(?://[^\n]*|/\\*.*?\\*/|\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*'|`(?:[^`\\\\]|\\\\.)*`|[\\pL_$][\\pL\\pN_$]*)")
	jsx    = regexp.MustCompile(`^>([^<>{}=;()]*[\pL]{2}[^<>{}=;]*)[<{]`)
	regex  = regexp.MustCompile(`^/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/`)
)

// cSpans returns the comments, strings, JSX texts, and identifiers of a file in TypeScript, JavaScript, protobuf, or CSS.
func cSpans(file string, source []byte) (found []span) {
	ext := path.Ext(file)
	code := ext != ".proto" && ext != ".css"
	line, lastComment := 1, -1
	before := byte('\n') // the last byte that was not blank
	for i := 0; i < len(source); {
		rest := source[i:]
		text := lexeme.Find(rest)
		switch {
		case bytes.HasPrefix(text, []byte("//")) && ext == ".css":
			text = nil
		case code && text == nil && rest[0] == '/' && strings.IndexByte("(,=:[!&|?{};\n", before) >= 0:
			text = regex.Find(rest)
			if text != nil {
				before, i = '/', i+len(text)
				continue
			}
		case ext == ".tsx" && rest[0] == '>' && before != '=':
			if m := jsx.FindSubmatch(rest); m != nil {
				found = append(found, span{document, line, string(m[1])})
			}
		}
		if text == nil {
			if rest[0] == '\n' {
				line++
			} else if rest[0] != ' ' && rest[0] != '\t' {
				before = rest[0]
			}
			i++
			continue
		}
		switch text[0] {
		case '/':
			words := commentWords(string(text))
			if bytes.HasPrefix(text, []byte("//")) && lastComment+1 == line && len(found) > 0 && found[len(found)-1].kind == comment {
				found[len(found)-1].text += "\n" + words
			} else {
				found = append(found, span{comment, line, words})
			}
			lastComment = line + bytes.Count(text, []byte("\n"))
		case '"', '\'', '`':
			if bytes.ContainsRune(text, ' ') {
				found = append(found, span{literal, line, string(text[1 : len(text)-1])})
			}
		default:
			if code {
				found = append(found, span{identifier, line, string(text)})
			}
		}
		if text[0] != '/' {
			before = text[len(text)-1]
		}
		line += bytes.Count(text, []byte("\n"))
		i += len(text)
	}
	return found
}

var commentMark = regexp.MustCompile(`(?m)^[ \t]*(\*+ ?|// ?)?`)

// commentWords removes the marks of a comment.
func commentWords(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "/*"), "//"), "*/")
	return plain(strings.TrimPrefix(commentMark.ReplaceAllString(text, ""), " "))
}
