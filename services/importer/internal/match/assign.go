package match

import "math"

// Assign returns the partner of each row in the assignment with the greatest sum, or -1. It is the Hungarian method, in
// O(n²m).
func Assign(scores [][]float64) []int {
	if len(scores) == 0 || len(scores[0]) == 0 {
		return nil
	}
	rows, columns := len(scores), len(scores[0])
	at := func(i, j int) float64 { return scores[i][j] }
	flip := rows > columns
	if flip {
		rows, columns = columns, rows
		at = func(i, j int) float64 { return scores[j][i] }
	}
	// Potentials of rows and columns, the row of each column, and the column before it on the path. Index 0 is none.
	u, v := make([]float64, rows+1), make([]float64, columns+1)
	row, before := make([]int, columns+1), make([]int, columns+1)
	for i := 1; i <= rows; i++ {
		row[0] = i
		slack, done := make([]float64, columns+1), make([]bool, columns+1)
		for j := range slack {
			slack[j] = math.Inf(1)
		}
		j0 := 0
		for row[j0] != 0 {
			done[j0] = true
			delta, next := math.Inf(1), 0
			for j := 1; j <= columns; j++ {
				if done[j] {
					continue
				}
				if c := -at(row[j0]-1, j-1) - u[row[j0]] - v[j]; c < slack[j] {
					slack[j], before[j] = c, j0
				}
				if slack[j] < delta {
					delta, next = slack[j], j
				}
			}
			for j := range slack {
				if done[j] {
					u[row[j]] += delta
					v[j] -= delta
				} else {
					slack[j] -= delta
				}
			}
			j0 = next
		}
		for j0 != 0 {
			row[j0] = row[before[j0]]
			j0 = before[j0]
		}
	}
	partner := make([]int, len(scores))
	for i := range partner {
		partner[i] = -1
	}
	for j := 1; j <= columns; j++ {
		switch {
		case row[j] == 0:
		case flip:
			partner[j-1] = row[j] - 1
		default:
			partner[row[j]-1] = j - 1
		}
	}
	return partner
}
