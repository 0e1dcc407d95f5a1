package csv_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode/utf32"

	"headway/services/importer/internal/source"
)

// TestChosenEncodingHasExamples reads files whose encoding was chosen by their letters, is known, or is declared by the file.
func TestChosenEncodingHasExamples(t *testing.T) {
	text := "code,label\n1,Müller\n2,Größe und Größe\n3,Anna\n4,Übung; Ähre; Öl\n"
	for _, c := range []struct {
		encoding encoding.Encoding
		hints    source.TextFormat
		want     string
	}{
		{charmap.Windows1252, source.TextFormat{}, "windows-1252: Müller, Größe, Übung, Ähre"},
		{charmap.Windows1252, source.TextFormat{Encoding: "windows-1252"}, "windows-1252: "},
		{encoding.Nop, source.TextFormat{}, "UTF-8: "},
		{utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), source.TextFormat{}, "UTF-32LE: "},
	} {
		file, err := c.encoding.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		format, rows, err := read(t, file, source.Hints{Text: c.hints}, source.Limits{})
		if got := format.Encoding + ": " + format.Example; err != nil || got != c.want || len(rows) != 5 || rows[1] != "2: 1|Müller" {
			t.Errorf("%v %+v: %q %q, %v, want %q", c.encoding, c.hints, got, rows, err, c.want)
		}
	}
}

// TestLegacyEncodingsAreReadRight reads texts in the encodings that programs have used for their languages.
func TestLegacyEncodingsAreReadRight(t *testing.T) {
	for _, c := range []struct {
		texts     string
		encodings []encoding.Encoding
	}{
		{"Müller,Größe,Straße,Übung,Äpfel", []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_1, charmap.ISO8859_15, charmap.Macintosh, charmap.CodePage850, charmap.CodePage437}},
		{"Jäger,Köln", []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_15, charmap.Macintosh, charmap.CodePage850}},
		{"Élève,déjà,où,çà,naïf", []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_15, charmap.Macintosh, charmap.CodePage850}},
		{"Œuvre,cœur,déjà", []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_15, charmap.Macintosh}},
		{"Muñoz,Peña,José,Gutiérrez,Íñigo", []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_15, charmap.Macintosh, charmap.CodePage850}},
		{"São Paulo,Conceição,Órgão,João", []encoding.Encoding{charmap.Windows1252, charmap.Macintosh, charmap.CodePage850}},
		{"Åse,Ærø,Malmö,Tromsø", []encoding.Encoding{charmap.Windows1252, charmap.Macintosh, charmap.CodePage850}},
		{"Preis – 5 €,„Test“,it’s", []encoding.Encoding{charmap.Windows1252}},
		{"Żółć,gęślą,jaźń,Łódź,Kraków", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852}},
		{"Příliš,žluťoučký,kůň,Dvořák", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852}},
		{"Győr,Székesfehérvár,Kőszeg", []encoding.Encoding{charmap.Windows1250, charmap.ISO8859_2, charmap.CodePage852}},
		{"Привет,мир,Ёлка,Иванов,Москва", []encoding.Encoding{charmap.Windows1251, charmap.KOI8R, charmap.CodePage866, charmap.ISO8859_5, charmap.MacintoshCyrillic}},
		{"Київ,Львів,Єва,їжак", []encoding.Encoding{charmap.Windows1251, charmap.ISO8859_5}},
		{"Καλημέρα,κόσμε,Αθήνα", []encoding.Encoding{charmap.Windows1253, charmap.ISO8859_7}},
		{"שלום,עולם,תל אביב", []encoding.Encoding{charmap.Windows1255, charmap.ISO8859_8}},
		{"مرحبا,بالعالم,القاهرة", []encoding.Encoding{charmap.Windows1256, charmap.ISO8859_6}},
		{"İstanbul,Çağdaş,ışık,Şişli", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}},
		{"SİCİL NO,İSMAİL IŞIK,BİLGİ İŞLEM,ÇİĞDEM,İŞE GİRİŞ TARİHİ", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}},
		{"İZMİR,DİYARBAKIR,İSTANBUL", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}},
		{"SATIŞ,MÜDÜR,GÖREV", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}},
		{"İzmir,Ankara", []encoding.Encoding{charmap.Windows1254, charmap.ISO8859_9}},
		{"Þór,Guðrún,Sigurðsson,Ísafjörður,íþrótt", []encoding.Encoding{charmap.Windows1252}},
		{"Þorsteinn,Alþingi,Ýmir Þórsson", []encoding.Encoding{charmap.Windows1252}},
		{"ÞÓRA,GUÐRÚN,NAFN", []encoding.Encoding{charmap.Windows1252}},
		{"Ąžuolas,ėjo,švęsti", []encoding.Encoding{charmap.Windows1257, charmap.ISO8859_13}},
		{"ภาษาไทย,ทดสอบ,กรุงเทพมหานคร", []encoding.Encoding{charmap.Windows874}},
		{"日本語テスト,カタカナ,たなか,東京都港区", []encoding.Encoding{japanese.ShiftJIS, japanese.EUCJP}},
		{"中文测试,数据,北京市朝阳区,电话号码", []encoding.Encoding{simplifiedchinese.GB18030, simplifiedchinese.GBK}},
		{"繁體中文,測試,臺北市,電話號碼", []encoding.Encoding{traditionalchinese.Big5}},
		{"繁體中文測試", []encoding.Encoding{traditionalchinese.Big5}},
		{"한국어,테스트,서울특별시,김철수", []encoding.Encoding{korean.EUCKR}},
	} {
		for _, e := range c.encodings {
			t.Run(fmt.Sprintf("%v %s", e, c.texts), func(t *testing.T) {
				text := "code,label,price\n"
				words := strings.Split(c.texts, ",")
				for i, word := range words {
					text += fmt.Sprintf("k%d,%s,%d\n", i, word, i)
				}
				file, err := e.NewEncoder().String(text)
				if err != nil {
					t.Fatal(err)
				}
				format, rows, err := read(t, file, source.Hints{}, source.Limits{})
				if err != nil || len(rows) != len(words)+1 {
					t.Fatalf("%+v, %q, %v", format, rows, err)
				}
				for i, word := range words {
					if want := fmt.Sprintf("%d: k%d|%s|%d", i+2, i, word, i); rows[i+1] != want {
						t.Errorf("read as %s: %q, want %q", format.Encoding, rows[i+1], want)
					}
				}
			})
		}
	}
}
