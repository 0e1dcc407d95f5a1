package edge

import "headway/services/edge/internal/routes"

// CheckRoutes reads route files, and returns the number of their routes. Its error has every problem, with its file and
// line.
func CheckRoutes(files []string) (int, error) {
	list, err := routes.Load(files)
	return len(list), err
}
