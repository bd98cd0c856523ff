"""Words that names of institutions in Hebei are made of. No real institution is meant."""

from __future__ import annotations

COUNTIES = (
    ("130100", "石家庄", "Shijiazhuang"),
    ("130121", "井陉", "Jingxing"),
    ("130123", "正定", "Zhengding"),
    ("130129", "赞皇", "Zanhuang"),
    ("130183", "晋州", "Jinzhou"),
    ("130200", "唐山", "Tangshan"),
    ("130224", "滦南", "Luannan"),
    ("130227", "迁西", "Qianxi"),
    ("130281", "遵化", "Zunhua"),
    ("130300", "秦皇岛", "Qinhuangdao"),
    ("130322", "昌黎", "Changli"),
    ("130400", "邯郸", "Handan"),
    ("130423", "临漳", "Linzhang"),
    ("130426", "涉县", "Shexian"),
    ("130481", "武安", "Wu'an"),
    ("130500", "邢台", "Xingtai"),
    ("130522", "临城", "Lincheng"),
    ("130534", "清河", "Qinghe"),
    ("130582", "沙河", "Shahe"),
    ("130600", "保定", "Baoding"),
    ("130623", "涞水", "Laishui"),
    ("130633", "易县", "Yixian"),
    ("130681", "涿州", "Zhuozhou"),
    ("130683", "安国", "Anguo"),
    ("130700", "张家口", "Zhangjiakou"),
    ("130726", "蔚县", "Yuxian"),
    ("130730", "怀来", "Huailai"),
    ("130800", "承德", "Chengde"),
    ("130825", "隆化", "Longhua"),
    ("130827", "宽城", "Kuancheng"),
    ("130900", "沧州", "Cangzhou"),
    ("130925", "盐山", "Yanshan"),
    ("130981", "泊头", "Botou"),
    ("130984", "河间", "Hejian"),
    ("131000", "廊坊", "Langfang"),
    ("131022", "固安", "Gu'an"),
    ("131082", "三河", "Sanhe"),
    ("131100", "衡水", "Hengshui"),
    ("131126", "故城", "Gucheng"),
    ("131182", "深州", "Shenzhou"),
)
"""Division codes (GB/T 2260) with the places' names."""

MARKS = (
    *(("冀融", "Jirong"), ("燕赵", "Yanzhao"), ("滹沱", "Hutuo"), ("太行", "Taihang")),
    *(("渤海湾", "Bohaiwan"), ("白洋淀", "Baiyangdian"), ("坝上", "Bashang"), ("漳河", "Zhanghe")),
    *(("恒信", "Hengxin"), ("瑞丰", "Ruifeng"), ("宏达", "Hongda"), ("金穗", "Jinsui")),
    *(("永昌", "Yongchang"), ("德润", "Derun"), ("鑫源", "Xinyuan"), ("嘉禾", "Jiahe")),
    *(("远航", "Yuanhang"), ("博雅", "Boya"), ("中盛", "Zhongsheng"), ("华锐", "Huarui")),
)
"""What a company calls itself."""

TRADES = (
    *(("钢铁", "Iron and Steel"), ("医药", "Pharmaceutical"), ("物流", "Logistics")),
    *(("食品", "Food"), ("建材", "Building Materials"), ("化工", "Chemical")),
    *(("纺织", "Textile"), ("皮革制品", "Leather Goods"), ("丝网制品", "Wire Mesh")),
    *(("汽车零部件", "Auto Parts"), ("农业科技", "Agricultural Technology"), ("商贸", "Trading")),
    *(("新能源", "New Energy"), ("陶瓷", "Ceramics"), ("装备制造", "Equipment")),
    *(("信息技术", "Information Technology"), ("供应链管理", "Supply Chain Management")),
)
"""What it does."""

BANKS = (
    ("{0}{1}商业银行股份有限公司", "{0} {1} Commercial Bank Co., Ltd."),
    ("{0}{1}农村商业银行股份有限公司", "{0} {1} Rural Commercial Bank Co., Ltd."),
    ("{0}{1}村镇银行股份有限公司", "{0} {1} Village Bank Co., Ltd."),
)
"""Kinds of banks: of a city, of its country, of a village."""

ENTERPRISES = (
    ("{0}{1}{2}有限公司", "{0} {1} {2} Co., Ltd."),
    ("河北{1}{2}集团（{0}）有限公司", "Hebei {1} {2} Group ({0}) Co., Ltd."),
    ("{0}市{1}{2}股份有限公司", "{0} {1} {2} Corporation"),
)
"""Kinds of companies."""

DESKS = ("风险管理部", "合规部", "反诈专班", "运营管理部", "财务部")
"""Who answers for it there: never a person."""
