package ledger

import (
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for role, list := range map[Role]string{
		Ordinal:  "STT|TT|Số TT|Số thứ tự|No.|so thu tu",
		Code:     "Mã quầy|Số sạp|Sạp|Quầy số|Ki-ốt|Kiốt|Mã kiot|Số ki ốt|Gian hàng|Lô sạp|Điểm kinh doanh|Mã ĐKD|Mã|Ký hiệu|Stall|Stall no.|STALL CODE|Booth|Kiosk number|MA QUAY|so sap|Số ô|Vị trí|Lô|Tên sạp|Ma so sap|Mã điểm kinh doanh|Quầy/Sạp",
		Section:  "Khu|Khu vực|Phân khu|Nhà lồng|Khu/dãy|Dãy/khu|KHU VUC|Section|Zone|Tầng|Khu vực kinh doanh|Area",
		Aisle:    "Dãy|Dãy số|Số dãy|Row|Aisle|day",
		Goods:    "Ngành hàng|Mặt hàng|Mặt hàng kinh doanh|Ngành nghề|Ngành nghề kinh doanh|Ngành nghề đăng ký|Loại hàng|Hàng hóa|Tên mặt hàng|Goods|Products|mat hang|Line of goods|Kinh doanh",
		Vendor:   "Tên hộ kinh doanh|Họ và tên tiểu thương|Họ tên|Họ và tên|Tiểu thương|Chủ sạp|Tên chủ quầy|Chủ hộ|Người thuê|Hộ KD|Tên|Vendor|Vendor name|Name|Full name|Stall holder|Tenant|ten ho kinh doanh|HO VA TEN|Người kinh doanh|Hộ kinh doanh|Merchant name|Owner",
		Phone:    "Số điện thoại|Điện thoại|ĐT|SĐT|SDT|Số ĐT|ĐTDĐ|Di động|Phone|Mobile|Tel.|Phone number|so dien thoai|Số Zalo|Điện thoại liên hệ|Contact",
		Holder:   "Chủ tài khoản|Tên chủ tài khoản|Tên tài khoản|Chủ TK|Account holder|Account name|Người thụ hưởng",
		Provider: "Ví điện tử|Ví|Ngân hàng|Tên ngân hàng|Loại ví|Ví/Ngân hàng|Nhà cung cấp|Wallet|Bank|Bank name|Provider|E-wallet|Kênh thanh toán|vi dien tu|Hình thức thanh toán|Loại tài khoản|NH",
		Number:   "Số tài khoản|Số tài khoản ví|Số TK|STK|Số ví|Tài khoản|Số tài khoản ngân hàng|Account|Account number|Bank account|Wallet number|SĐT ví|so tai khoan|TK nhận tiền|Số điện thoại ví",
		Private:  "CCCD|Số CMND|CMND/CCCD|Ngày sinh|Năm sinh|Date of birth|Căn cước công dân",
		Unread:   "Ghi chú|Diện tích|Diện tích sạp (m2)|Giá thuê sạp|Địa chỉ|Ngày thuê|Tình trạng|Trạng thái sạp|Mã số thuế|Doanh thu|Notes|Loại sạp|Số lượng sạp|Phí chợ|Mã hộ kinh doanh|Address|Thuê từ ngày|Chi nhánh ngân hàng|Xyz",
	} {
		for _, label := range strings.Split(list, "|") {
			if got := classify(label); got.role != role || got.provider != "" {
				t.Errorf("%q: %q %s, want %q", label, got.role, got.provider, role)
			}
		}
	}
	for label, provider := range map[string]string{
		"Viettel Money": "viettel_money", "Số Viettel Money": "viettel_money", "ViettelPay": "viettel_money", "Ví VNPT Money": "vnpt_money", "SĐT VNPT Pay": "vnpt_money",
		"Số TK Vietcombank": "vcb", "MoMo": "momo", "Ví MoMo": "momo", "Tài khoản MB Bank": "mb", "Ngân hàng Agribank": "vba", "STK ngân hàng BIDV": "bidv",
		"so vnpt money": "vnpt_money", "Số tài khoản Viettel Money": "viettel_money", "VietinBank account": "icb",
	} {
		if got := classify(label); got.role != Number || got.provider != provider {
			t.Errorf("%q: %q %q, want a number column of %s", label, got.role, got.provider, provider)
		}
	}
}
