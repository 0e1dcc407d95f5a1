package sample

import "slices"

// outcome is the result of a row in an import.
type outcome uint8

const (
	inserted outcome = iota
	rejected
	blocked
)

// fanOut is the number of people who report to one manager.
const fanOut = 8

// smallEvery is the number of employees per member of the small department. Only the small department has a mistake, so
// that a single mistake blocks about four of a thousand employees, not a quarter of them.
const smallEvery = 244

// plan determines, before any row is generated, the number of rows, which of them have a mistake, and who refers to
// whom. Everything about a row follows from its index, so that a later sheet can refer to a row of an earlier one.
type plan struct {
	Options
	rows    map[string]int   // of each sheet
	spoiled map[string][]int // indexes of the rows with a mistake, ascending
	// regular is the number of departments that share the employees evenly. The next one is the small department.
	// Unused departments, areas, and designations at the end have the mistakes that don't block rows.
	regular int
	// smallAt is the first employee of the small department.
	smallAt int
	// blocking means that the small department has a mistake.
	blocking bool
	// areas and designations are the numbers of those that are referred to.
	areas, designations int
	// employees and drivers are the outcomes of their rows.
	employees, drivers []outcome
	// driver has the employee who is the i-th driver.
	driver []int32
}

func newPlan(o Options) *plan {
	n := o.Rows
	p := &plan{Options: o, spoiled: make(map[string][]int)}
	p.rows = map[string]int{
		"areas":           clamp(n/5000, 4, 40),
		"departments":     clamp(n/250, 8, 4000),
		"designations":    clamp(n/800, 6, 400),
		"employees":       n,
		"schedules":       min(n+(n+1)/2, 1_000_000),
		"drivers":         max(1, n*15/100),
		"car_assignments": max(1, n*14455/100_000),
	}
	p.smallAt = min(100, n/2)

	share := p.shares()
	p.blocking = share["departments"] > 0 && n > 1
	p.areas = p.rows["areas"] - share["areas"]
	p.designations = p.rows["designations"] - share["designations"]
	spare := share["departments"]
	if p.blocking {
		spare--
	}
	p.regular = p.rows["departments"] - spare - 1

	p.spoiled["areas"] = tail(p.rows["areas"], share["areas"])
	p.spoiled["designations"] = tail(p.rows["designations"], share["designations"])
	p.spoiled["departments"] = tail(p.rows["departments"], spare)
	if p.blocking {
		p.spoiled["departments"] = append([]int{p.small()}, p.spoiled["departments"]...)
	}
	p.decideEmployees(share["employees"])
	p.decideDrivers(share["drivers"])
	p.spoiled["schedules"] = p.spread("schedules", share["schedules"], func(i int) bool {
		return p.employees[p.scheduled(i)] == inserted
	})
	p.spoiled["car_assignments"] = p.spread("car_assignments", share["car_assignments"], func(i int) bool {
		return p.drivers[p.assigned(i)] == inserted
	})
	return p
}

// sheetShares are the sheets with their shares of the mistakes, in percent. The first mistakes go to one sheet each.
var sheetShares = []struct {
	sheet         string
	percent, most int // most is the maximum share of its rows with mistakes, in percent
}{
	{"employees", 55, 50}, {"schedules", 26, 50}, {"departments", 2, 25}, {"drivers", 8, 25}, {"car_assignments", 7, 50}, {"designations", 1, 25}, {"areas", 1, 25},
}

// shares divides the mistakes among the sheets.
func (p *plan) shares() map[string]int {
	share := make(map[string]int)
	left := p.Issues
	give := func(sheet string, n, most int) {
		n = max(0, min(n, left, p.rows[sheet]*most/100-share[sheet]))
		share[sheet] += n
		left -= n
	}
	for _, s := range sheetShares {
		give(s.sheet, 1, s.most)
	}
	rest := left
	for _, s := range sheetShares {
		give(s.sheet, rest*s.percent/100, s.most)
	}
	for _, s := range sheetShares {
		give(s.sheet, left, s.most)
	}
	return share
}

// small returns the index of the small department.
func (p *plan) small() int { return p.regular }

// isSmall reports whether an employee belongs to the small department.
func (p *plan) isSmall(employee int) bool {
	return employee >= p.smallAt && (employee-p.smallAt)%smallEvery == 0
}

// seat returns an employee's department, and the employee's index in the department, from 0.
func (p *plan) seat(employee int) (department, seat int) {
	if p.isSmall(employee) {
		return p.small(), (employee - p.smallAt) / smallEvery
	}
	among := employee
	if employee > p.smallAt {
		among -= 1 + (employee-p.smallAt)/smallEvery
	}
	return among % p.regular, among / p.regular
}

// member is the inverse of seat.
func (p *plan) member(department, seat int) (employee int) {
	if department == p.small() {
		return p.smallAt + seat*smallEvery
	}
	among := seat*p.regular + department
	if among < p.smallAt {
		return among
	}
	return among + 1 + (among-p.smallAt)/(smallEvery-1)
}

// members returns the number of people in a department.
func (p *plan) members(department int) int {
	smalls := 0
	if p.Rows > p.smallAt {
		smalls = (p.Rows-p.smallAt-1)/smallEvery + 1
	}
	if department == p.small() {
		return smalls
	}
	others := p.Rows - smalls
	n := others / p.regular
	if department < others%p.regular {
		n++
	}
	return n
}

// rank returns an employee's rank in the tree of a department, 0 for its head. In every second department, the order is
// reversed, so that managers come after their reports.
func (p *plan) rank(department, seat int) int {
	if department%2 == 1 {
		return p.members(department) - 1 - seat
	}
	return seat
}

// manager returns the manager of an employee, or -1 for the head of a department.
func (p *plan) manager(employee int) int {
	department, seat := p.seat(employee)
	rank := p.rank(department, seat)
	if rank == 0 {
		return -1
	}
	return p.member(department, p.rank(department, (rank-1)/fanOut))
}

// isManager reports whether an employee has reports.
func (p *plan) isManager(employee int) bool {
	department, seat := p.seat(employee)
	return p.rank(department, seat)*fanOut+1 < p.members(department)
}

func (p *plan) decideEmployees(mistakes int) {
	p.employees = make([]outcome, p.Rows)
	p.spoiled["employees"] = p.spread("employees", mistakes, func(i int) bool { return !p.isSmall(i) && !p.isManager(i) })
	for _, i := range p.spoiled["employees"] {
		p.employees[i] = rejected
	}
	if p.blocking {
		for i := p.smallAt; i < p.Rows; i += smallEvery {
			p.employees[i] = blocked
		}
	}
}

// decideDrivers selects drivers from employees across the whole sheet, except rejected ones.
func (p *plan) decideDrivers(mistakes int) {
	count := p.rows["drivers"]
	p.driver = make([]int32, 0, count)
	used := make([]bool, p.Rows)
	for i := range count {
		e := i * p.Rows / count
		for used[e] || p.employees[e] == rejected {
			e = (e + 1) % p.Rows
		}
		used[e] = true
		p.driver = append(p.driver, int32(e))
	}
	p.drivers = make([]outcome, count)
	p.spoiled["drivers"] = p.spread("drivers", mistakes, func(i int) bool { return p.employees[p.driver[i]] == inserted })
	for _, i := range p.spoiled["drivers"] {
		p.drivers[i] = rejected
	}
	for i, e := range p.driver {
		if p.employees[e] == blocked {
			p.drivers[i] = blocked
		}
	}
}

// scheduled returns the employee of a schedule, who is never rejected. Two schedules of one employee are a multiple of
// Rows apart, unless one of them replaces a rejected neighbor. scheduleDay gives them different days.
func (p *plan) scheduled(i int) int { return p.standIn(i%p.Rows, p.employees) }

// assigned returns the driver of a car assignment, who is never rejected.
func (p *plan) assigned(i int) int { return p.standIn(i%len(p.drivers), p.drivers) }

func (p *plan) standIn(i int, outcomes []outcome) int {
	for outcomes[i] == rejected {
		i = (i + 1) % len(outcomes)
	}
	return i
}

// spread selects suitable rows, evenly distributed over a sheet.
func (p *plan) spread(sheet string, mistakes int, suitable func(int) bool) []int {
	rows := p.rows[sheet]
	chosen := make(map[int]bool, mistakes)
	for j := range mistakes {
		i := (j*rows + rows/2) / mistakes % rows
		for tries := 0; chosen[i] || !suitable(i); tries++ {
			if tries == rows {
				panic("sample: " + sheet + " has too few rows for its share of the mistakes")
			}
			i = (i + 1) % rows
		}
		chosen[i] = true
	}
	list := make([]int, 0, mistakes)
	for i := range chosen {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func tail(rows, n int) []int {
	var list []int
	for i := rows - n; i < rows; i++ {
		list = append(list, i)
	}
	return list
}

func clamp(v, low, high int) int { return max(low, min(v, high)) }
