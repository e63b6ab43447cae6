"""Which classes of ImageNet (Deng et al. 2009) are products of a category, by our reading of the classes' names.

What a category head says of photos of a source that it learnt no category from can be held against this, and what a
classifier sees in photos be read as categories. Classes that may be either, or none of ours (a hammer, a violin), are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLASS_COUNT", "NO_PRODUCT", "PRODUCT_CLASSES", "find_category"]

CLASS_COUNT = 1000
NO_PRODUCT = "no_product"
"""Manifest's word for a photo that shows no product: of these only ImageNet's animals, which are beyond doubt."""

_FIRST_THING = "n02666196"  # abacus: WordNet's numbers of ImageNet's animals come before it
_CLASSES: Mapping[str, str] = {  # name:place among ImageNet's thousand classes, from 0
    "accessories": """
        bolo_tie:451 bonnet:452 bow_tie:457 buckle:464 cowboy_hat:515 digital_watch:531 feather_boa:552
        hair_slide:584 mitten:658 necklace:679 sombrero:808 stole:824 stopwatch:826 sunglass:836 sunglasses:837
        umbrella:879 wallet:893 Windsor_tie:906""",
    "baby": "bassinet:431 bib:443 cradle:516 crib:520 diaper:529 nipple:680",
    "bags": "backpack:414 mailbag:636 purse:748",
    "beauty_personal": "face_powder:551 hair_spray:585 lipstick:629 lotion:631 perfume:711 sunscreen:838",
    "clothing": """
        abaya:399 academic_gown:400 apron:411 bathing_cap:433 bikini:445 brassiere:459 cardigan:474 cloak:501
        fur_coat:568 gown:578 hoopskirt:601 jean:608 jersey:610 kimono:614 lab_coat:617 maillot:638 maillot:639
        miniskirt:655 overskirt:689 pajama:697 poncho:735 sarong:775 sock:806 suit:834 sweatshirt:841
        swimming_trunks:842 trench_coat:869 vestment:887""",
    "electronics": """
        cassette_player:482 CD_player:485 cellular_telephone:487 computer_keyboard:508 desktop_computer:527
        dial_telephone:528 digital_clock:530 hand-held_computer:590 hard_disc:592 iPod:605 joystick:613
        laptop:620 loudspeaker:632 microphone:650 modem:662 monitor:664 mouse:673 notebook:681 oscilloscope:688
        photocopier:713 Polaroid_camera:732 printer:742 projector:745 radio:754 reflex_camera:759
        remote_control:761 tape_player:848 television:851 typewriter_keyboard:878""",
    "food": """
        bagel:931 burrito:965 carbonara:959 cheeseburger:933 chocolate_sauce:960 consomme:925 dough:961
        eggnog:969 espresso:967 French_loaf:930 guacamole:924 hot_pot:926 hotdog:934 ice_cream:928 ice_lolly:929
        mashed_potato:935 meat_loaf:962 pizza:963 plate:923 potpie:964 pretzel:932 red_wine:966 soup_bowl:809
        trifle:927""",
    "footwear": "clog:502 cowboy_boot:514 Loafer:630 running_shoe:770 sandal:774",
    "grocery": """
        acorn_squash:941 artichoke:944 banana:954 bell_pepper:945 broccoli:937 butternut_squash:942 cardoon:946
        cauliflower:938 cucumber:943 custard_apple:956 fig:952 Granny_Smith:948 head_cabbage:936 jackfruit:955
        lemon:951 mushroom:947 orange:950 pineapple:953 pomegranate:957 spaghetti_squash:940 strawberry:949
        zucchini:939""",
    "home_decor": """
        analog_clock:409 bath_towel:434 bookcase:453 candle:470 chiffonier:493 china_cabinet:495 desk:526
        dining_table:532 doormat:539 entertainment_center:548 folding_chair:559 four-poster:564 lampshade:619
        park_bench:703 piggy_bank:719 pillow:721 prayer_rug:741 quilt:750 rocking_chair:765 shower_curtain:794
        studio_couch:831 table_lamp:846 vase:883 wall_clock:892 wardrobe:894 window_shade:905""",
    "kitchen": """
        beer_glass:441 caldron:469 can_opener:473 cleaver:499 cocktail_shaker:503 coffee_mug:504 coffeepot:505
        corkscrew:512 Crock_Pot:521 Dutch_oven:544 espresso_maker:550 frying_pan:567 goblet:572 ladle:618
        measuring_cup:647 microwave:651 mixing_bowl:659 pitcher:725 plate_rack:729 rotisserie:766 saltshaker:773
        spatula:813 strainer:828 teapot:849 toaster:859 tray:868 waffle_iron:891 wok:909 wooden_spoon:910""",
    "stationery_books": """
        ballpoint:418 binder:446 book_jacket:921 comic_book:917 envelope:549 fountain_pen:563 letter_opener:623
        pencil_box:709 pencil_sharpener:710 quill:749 rubber_eraser:767 rule:769""",
    "toys": "jigsaw_puzzle:611 pinwheel:723 teddy:850",
}
_PRODUCTS = [
    (name, int(place), category)
    for category, classes in _CLASSES.items()
    for name, _, place in (each.partition(":") for each in classes.split())
]
_CATEGORIES = {name: category for name, _, category in _PRODUCTS}

PRODUCT_CLASSES: Mapping[int, str] = {place: category for _, place, category in _PRODUCTS}
"""Place among ImageNet's classes, sorted by their numbers in WordNet, as every classifier has them → the word that
manifests have for its category."""


def find_category(number: str, name: str) -> str:
    """The word that manifests have for a class's category.

    Args:
        number: of the class in WordNet, e.g. "n04398044".
        name: of the class, e.g. "teapot".

    Returns:
        A category, :data:`NO_PRODUCT`, or "" where it cannot be told.
    """
    return _CATEGORIES.get(name, NO_PRODUCT if number < _FIRST_THING else "")
