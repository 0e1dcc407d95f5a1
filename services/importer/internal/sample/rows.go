package sample

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/xlsxwrite"
)

// generator generates the planned rows, and counts them.
type generator struct {
	*plan
	schema   *schema.Schema
	manifest Manifest
	blocked  uint32
}

// checkEvery is the number of rows between two checks of the context.
const checkEvery = 1024

func (g *generator) writeSheet(ctx context.Context, book *xlsxwrite.Writer, sheet *schema.Sheet) error {
	rows := g.rows[sheet.Name]
	w, err := beginSheet(book, sheet)
	if err != nil {
		return err
	}
	fill := g.filler(sheet.Name)
	spoiled := g.spoiled[sheet.Name]
	numbers := Numbers{Sheet: sheet.Name}
	cells := make([]cell, len(sheet.Columns))
	for i := range rows {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fill(i, cells)
		if len(spoiled) > 0 && spoiled[0] == i {
			spoiled = spoiled[1:]
			g.spoil(sheet, i, cells)
		}
		if err := w.Row(cells); err != nil {
			return err
		}
		clear(cells)
		numbers.Read++
		switch g.outcome(sheet.Name, i) {
		case inserted:
			numbers.Inserted++
		case rejected:
			numbers.Rejected++
		case blocked:
			numbers.Blocked++
		}
	}
	g.manifest.Sheets = append(g.manifest.Sheets, numbers)
	g.blocked += numbers.Blocked
	return nil
}

// countBlocked attributes all blocked rows to the one mistake that blocks rows.
func (g *generator) countBlocked() {
	for i, f := range g.manifest.Mistakes {
		if g.blocking && f.Sheet == "departments" && f.Row == uint32(g.small())+2 {
			g.manifest.Mistakes[i].Blocks = g.blocked
		}
	}
}

// filler returns the function that fills a row of a sheet. Its cells are in the order of the schema's columns, and are
// empty when it is called.
func (g *generator) filler(sheet string) func(i int, c []cell) {
	return map[string]func(int, []cell){
		"areas": g.area, "departments": g.department, "designations": g.designation, "employees": g.employee,
		"schedules": g.schedule, "drivers": g.driverRow, "car_assignments": g.carAssignment,
	}[sheet]
}

func (g *generator) area(i int, c []cell) {
	p := towns[i%len(towns)]
	c[0] = text(areaCode(i))
	c[1] = text(p.name)
	c[2] = text(p.country)
	if i%5 != 3 {
		c[3] = text(fmt.Sprintf("office%02d@example.org", i+1))
	}
	c[4] = date(firstOf1950 + g.pick("established", i, 25_000))
}

func (g *generator) department(i int, c []cell) {
	area := i % g.areas
	c[0] = text(departmentCode(i))
	c[1] = text(functions[i%len(functions)] + " – " + towns[(i+i/len(functions))%len(towns)].name)
	c[2] = text(areaCode(area))
	c[3] = text(fmt.Sprintf("%05d", 100+i*10))
	c[4] = money(int64(g.pick("budget", i, 900_000_000)) + 5_000_000)
	if i%4 != 1 {
		c[5] = text(g.phone("department", i, "+44"))
	}
}

func (g *generator) designation(i int, c []cell) {
	title := strings.TrimSpace(levels[i/len(jobs)%len(levels)] + " " + jobs[i%len(jobs)])
	c[0] = text(designationCode(i))
	c[1] = text(title)
	c[2] = integer(grade(i))
	c[3] = money(minimumSalary(i))
	c[4] = truth(i%3 == 0)
}

func (g *generator) employee(i int, c []cell) {
	people := &cultures[g.pick("culture", i, len(cultures))]
	given := people.given[g.pick("given", i, len(people.given))]
	family := people.family[g.pick("family", i, len(people.family))]
	department, _ := g.seat(i)
	designation := g.pick("designation", i, g.designations)

	c[0] = text(employeeID(i))
	if people.familyFirst {
		c[1] = text(family.shown + people.joined + given.shown)
	} else {
		c[1] = text(given.shown + people.joined + family.shown)
	}
	c[2] = text(g.email(i))
	if g.pick("has phone", i, 10) != 0 {
		c[3] = text(g.phone("employee", i, people.dialing))
	}
	c[4] = text(departmentCode(department))
	c[5] = text(designationCode(designation))
	if m := g.manager(i); m >= 0 {
		c[6] = text(employeeID(m))
	}
	c[7] = date(firstOf1985 + g.pick("hired", i, firstOf2025-firstOf1985))
	c[8] = money(minimumSalary(designation) + int64(g.pick("salary", i, 3_000_000)))
	c[9] = truth(g.pick("active", i, 20) != 0)
}

// shifts are in the order of the schema's allowed values. Times are minutes of the day.
var shifts = []struct {
	name       string
	start, end int
}{{"early", 6 * 60, 14 * 60}, {"day", 9 * 60, 17*60 + 30}, {"late", 14 * 60, 22 * 60}, {"night", 22 * 60, 6 * 60}}

func (g *generator) schedule(i int, c []cell) {
	s := shifts[g.pick("shift", i, len(shifts))]
	c[0] = text(employeeID(g.scheduled(i)))
	c[1] = date(g.scheduleDay(i))
	c[2] = text(s.name)
	c[3] = timeOfDay(s.start)
	c[4] = timeOfDay(s.end)
	if g.pick("has break", i, 8) != 0 {
		c[5] = integer(15 * g.pick("break", i, 5))
	}
}

// scheduleDay returns a different day for each schedule of an employee. Schedules of the second round are one day after
// those of the first. A schedule that replaces a rejected neighbor is two days later for each seat between them.
func (g *generator) scheduleDay(i int) int {
	employee := g.scheduled(i)
	apart := (employee - i%g.Rows + g.Rows) % g.Rows
	return firstOf2025 + employee%365 + 2*apart + i/g.Rows
}

func (g *generator) driverRow(i int, c []cell) {
	issued := firstOf1985 + g.pick("issued", i, firstOf2025-firstOf1985)
	c[0] = text(employeeID(int(g.driver[i])))
	c[1] = text(licence(i))
	c[2] = text([]string{"B", "BE", "C1", "C", "CE", "D"}[g.pick("class", i, 6)])
	if i%7 != 5 {
		c[3] = date(issued)
	}
	c[4] = date(firstOf2025 + g.pick("valid", i, 5000))
}

func (g *generator) carAssignment(i int, c []cell) {
	start := firstOf2025 + g.pick("from", i, 300)
	minute := 6*60 + 15*g.pick("minute", i, 48)
	plate := g.hash("plate", i)
	c[0] = integer(i + 1)
	c[1] = text(string([]byte{'A' + byte(plate%26), 'A' + byte(plate/26%26)}) + fmt.Sprintf(" %04d ", plate/676%10_000) + string([]byte{'A' + byte(plate>>40%26), 'A' + byte(plate>>48%26)}))
	c[2] = text(licence(g.assigned(i)))
	c[3] = dateTime(start, minute)
	if i%3 != 0 {
		c[4] = dateTime(start+1+g.pick("until", i, 30), minute)
	}
	c[5] = integer(g.pick("odometer", i, 250_000))
	if i%6 != 4 {
		c[6] = truth(g.pick("private", i, 4) == 0)
	}
}

// outcome returns the result of a row.
func (p *plan) outcome(sheet string, i int) outcome {
	switch {
	case sheet == "employees":
		return p.employees[i]
	case sheet == "drivers":
		return p.drivers[i]
	case p.isSpoiled(sheet, i):
		return rejected
	case sheet == "schedules":
		return p.employees[p.scheduled(i)]
	case sheet == "car_assignments":
		return p.drivers[p.assigned(i)]
	}
	return inserted
}

func areaCode(i int) string        { return fmt.Sprintf("A-%02d", i+1) }
func departmentCode(i int) string  { return fmt.Sprintf("D-%04d", i+1) }
func designationCode(i int) string { return fmt.Sprintf("P-%03d", i+1) }
func grade(i int) int              { return 1 + i%20 }

// minimumSalary is in hundredths.
func minimumSalary(designation int) int64 { return 1_800_000 + 350_000*int64(grade(designation)) }

// employeeID returns six digits with leading zeros. The millionth employee has seven digits.
func employeeID(i int) string {
	digits := strconv.Itoa(i + 1)
	return "000000"[min(6, len(digits)):] + digits
}

// licence returns a unique number of 16 digits: the factor and 10^16 have no common divisor.
func licence(i int) string {
	const factor, modulus = 48_112_959_837_037, 10_000_000_000_000_000
	return fmt.Sprintf("%016d", uint64(i+1)*factor%modulus)
}

// email returns the employee's name with the row's number, in a reserved domain (RFC 2606).
func (g *generator) email(i int) string {
	people := &cultures[g.pick("culture", i, len(cultures))]
	return people.given[g.pick("given", i, len(people.given))].ascii + "." + people.family[g.pick("family", i, len(people.family))].ascii +
		"." + strconv.Itoa(i+1) + "@" + []string{"example.com", "example.org", "example.net", "mail.example.com"}[i%4]
}

// phone writes a number as people do, in one of several ways (ITU-T E.123).
func (g *generator) phone(of string, i int, dialing string) string {
	n := g.pick("phone of "+of, i, 100_000_000)
	switch n % 3 {
	case 0:
		return fmt.Sprintf("%s %02d %03d %04d", dialing, 10+n%90, n/1000%1000, n/10_000)
	case 1:
		return fmt.Sprintf("%s-%03d-%07d", dialing, 100+n%900, n/10)
	default:
		return fmt.Sprintf("%s (%03d) %06d", dialing, 100+n%900, n/100)
	}
}

// pick returns a number from 0 to n-1 that depends on the seed, a purpose, and the row.
func (g *generator) pick(what string, i, n int) int { return int(g.hash(what, i) % uint64(n)) }

// hash mixes the seed, a purpose (FNV-1a), and a row (the finalizer of SplitMix64).
func (g *generator) hash(what string, i int) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range []byte(what) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	z := h ^ g.Seed*0xD1342543DE82EF95 + uint64(i)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Days since 1899-12-30, as Excel counts them from 1900-03-01 on.
const (
	firstOf1950 = 18264
	firstOf1985 = 31048
	firstOf2025 = 45658
)

const minutesOfDay = 24 * 60
