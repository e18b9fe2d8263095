"""The word lists against labelled sentences in both languages; half of them are hard negatives."""

from __future__ import annotations

import pytest

from campaigns import compliance
from campaigns.compliance.library import packs_by_id

FACTS = {"product": "Best Mug No. 1", "brand": "Perfect & First", "price": "$20", "discount": "20%"}

# (sentence, rules that must speak); an empty set is a hard negative.
SENTENCES: list[tuple[str, set[str]]] = [
    # ranks
    ("The best bag for your day", {"words.absolute"}),
    ("Simply BEST.", {"words.absolute"}),
    ("Ｂｅｓｔ in town", {"words.absolute"}),
    ("be\u200bst in town", {"words.absolute"}),
    ("The softest towel you will touch", {"words.absolute"}),
    ("The most comfortable chair", {"words.absolute"}),
    ("Number one with commuters", {"words.absolute"}),
    ("Our #1 bag", {"words.absolute"}),
    ("An unbeatable bag", {"words.absolute"}),
    ("The world's finest leather", {"words.absolute"}),
    ("Lowest price of the year", {"words.absolute"}),
    ("The cheapest way to sit well", {"words.absolute", "words.banned"}),
    ("Best before the end of summer", set()),
    ("Best enjoyed with friends", set()),
    ("Look your best every morning", set()),
    ("Be your best self", set()),
    ("Give it to your best friend", set()),
    ("With best wishes from all of us", set()),
    ("Bring all the best to the table", set()),
    ("Bestow a smile on somebody", set()),
    ("The latest arrivals are here", set()),
    ("See the rest of the range", set()),
    ("Our guests sit down first", set()),
    ("Rest your feet, the forest can wait", set()),
    ("Make the most of your morning", set()),
    ("Your nearest shop is open", set()),
    ("{product} is back", set()),
    ("From {brand}, with love", set()),
    ("全网最低的好价", {"words.absolute"}),
    ("最好的选择就是它", {"words.absolute"}),
    ("销量第一的帆布包", {"words.absolute"}),
    ("顶级面料", {"words.absolute"}),
    ("独一无二的手感", {"words.absolute"}),
    ("本店首选", {"words.absolute"}),
    ("NO.1 之选", {"words.absolute"}),
    ("国家级工艺", {"words.absolute"}),
    ("绝对好用", {"words.absolute"}),
    ("第一次见面，就想带走", set()),
    ("第一眼就喜欢", set()),
    ("最近上新", set()),
    ("最初的心意", set()),
    ("送给最爱的人", set()),
    ("最多可放两本书", set()),
    ("最佳赏味期在秋天", set()),
    ("最好趁热喝", set()),
    ("祝你有最美的一天", set()),
    ("最终还是选了它", set()),
    ("一流水，第一步先醒面", set()),
    # promises
    ("Satisfaction guaranteed", {"words.guarantee"}),
    ("Money-back if you do not like it", {"words.guarantee"}),
    ("Free returns on everything", {"words.guarantee"}),
    ("A warrant of calm", set()),
    ("Grant yourself a break", set()),
    ("假一赔十，放心买", {"words.guarantee"}),
    ("保证满意", {"words.guarantee"}),
    ("用心保管每一件", set()),
    # health
    ("Cures a bad night", {"words.health"}),
    ("Clinically proven comfort", {"words.health"}),
    ("Treat yourself to calm", set()),
    ("A secure grip for every hand", set()),
    ("A healthy appetite for books", set()),
    ("治疗失眠的枕头", {"words.health"}),
    ("帮你减肥", {"words.health"}),
    ("治愈系的小夜灯", set()),
    # reviews
    ("Customers love it", {"words.reviews"}),
    ("Our best-selling mug", {"words.absolute", "words.reviews"}),
    ("Award-winning design", {"words.reviews"}),
    ("A five-star stay at home", {"words.reviews"}),
    ("Underrated corners of your home", set()),
    ("Rated for outdoor use", set()),
    ("Stars over the terrace", set()),
    ("好评如潮", {"words.reviews"}),
    ("年度爆款", {"words.reviews"}),
    ("明星同款外套", {"words.reviews"}),
    ("看星星的夜晚", set()),
    # environment, hurry
    ("An eco-friendly choice", {"words.environment"}),
    ("Sustainable from seam to seam", {"words.environment"}),
    ("Green like a garden", set()),
    ("环保之选", {"words.environment"}),
    ("绿色的森林印花", set()),
    ("Last chance to see it", {"words.hurry"}),
    ("While stocks last", {"words.hurry"}),
    ("No need to hurry, stay a while", set()),
    ("A shoe that lasts", set()),
    ("限时抢购", {"words.hurry"}),
    ("最后一天", {"words.hurry"}),
    ("时间由你来定", set()),
    # what the offer does not give
    ("Free delivery to your door", {"offer.free_delivery"}),
    ("Delivered free", {"offer.free_delivery"}),
    ("A carefree day, delivered", set()),
    ("全场包邮", {"offer.free_delivery"}),
    ("With a free gift", {"offer.free_gift"}),
    ("A gift for a friend", set()),
    ("买一送一", {"offer.free_gift"}),
    ("送给爱泡茶的人", set()),
    ("Yours for free", {"offer.free"}),
    ("Free your hands", set()),
    ("Lead-free glaze", set()),
    ("免费试用", {"offer.free"}),
    ("自由自在", set()),
    ("On sale from today", {"offer.reduction"}),
    ("A sail on the lake", set()),
    ("全场打折", {"offer.reduction"}),
    ("百折不挠的布料", set()),
    ("Use code at the till", {"offer.code"}),
    ("A dress code for calm days", set()),
    ("输入优惠码即可", {"offer.code"}),
    ("密码锁，安心", set()),
    # the brand's own list
    ("A cheap way to sit", {"words.banned"}),
    ("CHEAP!", {"words.banned"}),
    ("For cheapskates and spendthrifts", set()),
    ("Good  value for everyone", {"words.banned"}),
    ("便宜又好用", {"words.banned"}),
    ("方便宜人的设计", {"words.banned"}),
]


def rules_of(sentence: str, **fields: object) -> set[str]:
    """The word rules that speak about a sentence in the body, in a campaign without an offer."""
    values = {"banned_words": ("cheap", "cheapest", "good value", "便宜"), **fields}
    context = compliance.CheckContext("product_page", "en", FACTS, **values)  # type: ignore[arg-type]
    written = {"headline": "Good morning", "body": sentence, "call_to_action": "Take a look"}
    found = compliance.check(compliance.CopyParts.of(written, FACTS), context)
    return {one.rule for one in found if one.rule.startswith(("words.", "offer."))}


@pytest.mark.parametrize(("sentence", "rules"), SENTENCES, ids=[sentence for sentence, _rules in SENTENCES])
def test_labelled_sentences(sentence: str, rules: set[str]) -> None:
    assert rules_of(sentence) == rules


def test_a_third_of_the_sentences_at_least_are_hard_negatives() -> None:
    assert 3 * sum(not rules for _sentence, rules in SENTENCES) > len(SENTENCES)


def test_every_rule_has_a_sentence() -> None:
    spoken = {rule for _sentence, rules in SENTENCES for rule in rules}
    lists = {rule.id for rule in packs_by_id()["house"].rules if rule.terms}
    assert spoken == lists | {"words.banned"}


@pytest.mark.parametrize(
    ("sentence", "offer"),
    [
        ("Free delivery to your door", "free_shipping"),
        ("全场包邮", "free_shipping"),
        ("With a free gift", "gift"),
        ("Buy one, get one", "bundle"),
        ("On sale from today", "percent"),
        ("全场打折", "amount"),
    ],
)
def test_what_the_offer_gives_may_be_said(sentence: str, offer: str) -> None:
    assert rules_of(sentence, offer_kind=offer) == set()


def test_a_last_day_makes_hurry_true() -> None:
    facts = {**FACTS, "deadline": "30 September"}
    context = compliance.CheckContext("product_page", "en", facts)
    parts = compliance.CopyParts.of({"headline": "Last chance", "body": "Hurry.", "call_to_action": "Go"}, facts)
    assert compliance.check(parts, context) == []


def test_a_claim_the_shop_has_written_down_is_supported() -> None:
    said = "Biodegradable packing. A lifetime warranty."
    assert rules_of("Biodegradable, with a lifetime warranty", supported=(said,)) == set()
    assert rules_of("The best bag", supported=("The best bag there is",)) == {"words.absolute"}


def test_a_finding_says_where_and_what_to_do() -> None:
    context = compliance.CheckContext("product_page", "en", FACTS)
    parts = compliance.CopyParts.of({"headline": "The best bag", "body": "Hello.", "call_to_action": "Go"}, FACTS)
    assert compliance.check(parts, context) == [
        compliance.Finding(
            rule="words.absolute",
            severity="block",
            part="headline",
            message="“best” claims a rank that nothing here proves.",
            remedy="Say what is good about it instead of ranking it.",
            start=4,
            end=8,
            excerpt="best",
            pack="house",
            pack_version=packs_by_id()["house"].version,
            why="A rank is a claim of fact about all others. Nobody here has compared them all.",
        )
    ]


def test_a_law_names_its_article_and_speaks_instead_of_the_house() -> None:
    context = compliance.CheckContext("product_page", "zh", FACTS, jurisdictions=("CN",))
    parts = compliance.CopyParts.of({"headline": "早上好", "body": "顶级面料", "call_to_action": "看看"}, FACTS)
    found = compliance.check(parts, context)
    assert [(one.rule, one.jurisdiction, one.verified) for one in found] == [("cn.absolute", "CN", False)]
    assert found[0].article == "Advertising Law of China, Article 9(3)"
    assert found[0].excerpt == "顶级"
