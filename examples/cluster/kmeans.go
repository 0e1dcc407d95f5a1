package main

import (
	"math"
	"math/rand/v2"
)

// point is a position in a square from 0 to 100.
type point [2]float64

// scatter returns n points around random origins, one per group.
func scatter(random *rand.Rand, n, groups int) []point {
	origins := make([]point, groups)
	for i := range origins {
		origins[i] = point{15 + 70*random.Float64(), 15 + 70*random.Float64()}
	}
	points := make([]point, n)
	for i := range points {
		origin := origins[i%groups]
		for axis := range origin {
			points[i][axis] = round(min(max(origin[axis]+6*random.NormFloat64(), 0), 100))
		}
	}
	return points
}

// round keeps two decimals, which is finer than a screen.
func round(v float64) float64 { return math.Round(100*v) / 100 }

// distance returns the square of the distance.
func distance(a, b point) float64 {
	x, y := a[0]-b[0], a[1]-b[1]
	return x*x + y*y
}

// kmeans sorts points into groups: each point belongs to the group with the nearest center, and each center is the mean of
// its points.
type kmeans struct {
	points  []point
	centers []point
	// group has the group of each point, -1 before the first step.
	group []int
}

// newKMeans chooses the first centers among the points, each far from the others with high probability (k-means++).
func newKMeans(random *rand.Rand, points []point, groups int) *kmeans {
	k := &kmeans{points: points, centers: []point{points[random.IntN(len(points))]}, group: make([]int, len(points))}
	for i := range k.group {
		k.group[i] = -1
	}
	nearest := make([]float64, len(points))
	for len(k.centers) < groups {
		sum := 0.0
		for i, p := range points {
			nearest[i] = distance(p, k.centers[0])
			for _, c := range k.centers[1:] {
				nearest[i] = min(nearest[i], distance(p, c))
			}
			sum += nearest[i]
		}
		next, at := len(points)-1, sum*random.Float64()
		for i, d := range nearest {
			if at -= d; at < 0 {
				next = i
				break
			}
		}
		k.centers = append(k.centers, points[next])
	}
	return k
}

// step moves every point to the nearest center, and then every center to the mean of its points. It returns the points that
// moved, each with its new group.
func (k *kmeans) step() (moves [][2]int) {
	sums, counts := make([]point, len(k.centers)), make([]int, len(k.centers))
	for i, p := range k.points {
		best := 0
		for g := range k.centers {
			if distance(p, k.centers[g]) < distance(p, k.centers[best]) {
				best = g
			}
		}
		if k.group[i] != best {
			k.group[i] = best
			moves = append(moves, [2]int{i, best})
		}
		sums[best][0], sums[best][1] = sums[best][0]+p[0], sums[best][1]+p[1]
		counts[best]++
	}
	for g, n := range counts {
		if n > 0 { // a center without points stays
			k.centers[g] = point{round(sums[g][0] / float64(n)), round(sums[g][1] / float64(n))}
		}
	}
	return moves
}

// sizes returns the number of points in each group.
func (k *kmeans) sizes() []int {
	sizes := make([]int, len(k.centers))
	for _, g := range k.group {
		sizes[g]++
	}
	return sizes
}

// spread returns the mean distance between a point and its center.
func (k *kmeans) spread() float64 {
	sum := 0.0
	for i, p := range k.points {
		sum += math.Sqrt(distance(p, k.centers[k.group[i]]))
	}
	return round(sum / float64(len(k.points)))
}
