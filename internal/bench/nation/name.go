package nation

import "math/rand/v2"

// Shares in thousands; the rest of the people spread evenly over rare.
var families = []struct {
	name  string
	share int
}{
	{"Nguyễn", 384}, {"Trần", 110}, {"Lê", 95}, {"Phạm", 70}, {"Huỳnh", 26}, {"Hoàng", 25}, {"Phan", 45}, {"Võ", 20}, {"Vũ", 19}, {"Đặng", 21},
	{"Bùi", 20}, {"Đỗ", 14}, {"Hồ", 13}, {"Ngô", 13}, {"Dương", 10}, {"Lý", 5},
}

var rare = []string{
	"Đinh", "Trương", "Lâm", "Mai", "Đào", "Đoàn", "Trịnh", "Hà", "Phùng", "Thạch", "Tô", "Cao", "Châu", "Kim", "Sơn", "Lương", "Tạ", "Quách", "Thái", "Vương",
	"Tăng", "La", "Chu", "Nông", "Hứa", "Lưu", "Giang", "Triệu", "Danh", "Diệp", "Hoàng Ngọc", "Tôn", "Khổng", "Mạc", "Ông", "Ung", "Từ", "Viên", "Nghiêm", "Âu",
}

var middles = [2][]string{
	{"Văn", "Văn", "Văn", "Hữu", "Đức", "Minh", "Quốc", "Thanh", "Công", "Xuân", "Hoàng", "Trọng", "Đình", "Ngọc", "Anh", "Thành", "Tấn", "Bá", "Thế", "Chí"},
	{"Thị", "Thị", "Thị", "Thị", "Thị", "Thị", "Ngọc", "Thị Ngọc", "Thị Kim", "Thị Thu", "Thị Mỹ", "Thị Bích", "Thanh", "Kim", "Thu", "Mỹ", "Bích", "Diễm", "Thùy", "Hồng"},
}

var given = [2][]string{
	{"Tâm", "Hùng", "Dũng", "Cường", "Tuấn", "Sơn", "Bình", "Hải", "Long", "Nam", "Thắng", "Đức", "Quang", "Phúc", "Lộc", "Thọ", "Hòa", "Hiếu", "Trung", "Kiên",
		"An", "Bảo", "Khánh", "Lâm", "Mạnh", "Nghĩa", "Phong", "Quân", "Tài", "Thành", "Thịnh", "Tiến", "Toàn", "Trí", "Tú", "Vinh", "Vũ", "Út", "Hậu", "Đạt",
		"Điền", "Được", "Giàu", "Khoa", "Kiệt", "Luân", "Nhân", "Phát", "Quý", "Sang", "Tân", "Thuận", "Tính", "Triều", "Vương", "Xuân", "Ân", "Bé", "Chiến", "Danh"},
	{"Lan", "Hoa", "Hồng", "Mai", "Cúc", "Đào", "Huệ", "Liên", "Sen", "Thu", "Xuân", "Hạnh", "Phượng", "Loan", "Oanh", "Yến", "Thảo", "Hương", "Nga", "Hà",
		"Thúy", "Thủy", "Hòa", "Hiền", "Hằng", "Nhung", "Trang", "Linh", "Ngân", "Ngọc", "Bích", "Châu", "Dung", "Duyên", "Điệp", "Giang", "Hậu", "Kiều", "Lệ", "Lý",
		"Mỹ", "Nguyệt", "Nhàn", "Như", "Phương", "Quyên", "Tâm", "Thắm", "Thơm", "Tiên", "Trinh", "Tuyết", "Tươi", "Út", "Vân", "Vui", "Xinh", "Ý", "Ánh", "Ái"},
}

// Name is an invented person's, as often as such names are.
func Name(r *rand.Rand) string {
	family, n := "", r.IntN(1000)
	for _, f := range families {
		if n -= f.share; n < 0 {
			family = f.name
			break
		}
	}
	if family == "" {
		family = rare[r.IntN(len(rare))]
	}
	who := 0
	if r.IntN(10) < 7 { // seven of ten vendors are women
		who = 1
	}
	return family + " " + middles[who][r.IntN(len(middles[who]))] + " " + given[who][r.IntN(len(given[who]))]
}
