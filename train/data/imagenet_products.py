"""Which classes of ImageNet (Deng et al. 2009) are products of a category, by our reading of the classes' names.

What a category head says of photos of a source that it learnt no category from can be held against this. Classes that
may be either, or none of ours (a hammer, a violin), are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NO_PRODUCT", "find_category"]

NO_PRODUCT = "no_product"
"""Manifest's word for a photo that shows no product: of these only ImageNet's animals, which are beyond doubt."""

_FIRST_THING = "n02666196"  # abacus: WordNet's numbers of ImageNet's animals come before it
_CLASSES: Mapping[str, str] = {
    "accessories": """
        bolo_tie bonnet bow_tie buckle cowboy_hat digital_watch feather_boa hair_slide mitten necklace sombrero stole
        stopwatch sunglass sunglasses umbrella wallet Windsor_tie""",
    "baby": "bassinet bib cradle crib diaper nipple",
    "bags": "backpack mailbag purse",
    "beauty_personal": "face_powder hair_spray lipstick lotion perfume sunscreen",
    "clothing": """
        abaya academic_gown apron bathing_cap bikini brassiere cardigan cloak fur_coat gown hoopskirt jean jersey kimono
        lab_coat maillot miniskirt overskirt pajama poncho sarong sock suit sweatshirt swimming_trunks trench_coat
        vestment""",
    "electronics": """
        cassette_player CD_player cellular_telephone computer_keyboard desktop_computer dial_telephone digital_clock
        hand-held_computer hard_disc iPod joystick laptop loudspeaker microphone modem monitor mouse notebook
        oscilloscope photocopier Polaroid_camera printer projector radio reflex_camera remote_control tape_player
        television typewriter_keyboard""",
    "food": """
        bagel burrito carbonara cheeseburger chocolate_sauce consomme dough eggnog espresso French_loaf guacamole
        hot_pot hotdog ice_cream ice_lolly mashed_potato meat_loaf pizza plate potpie pretzel red_wine soup_bowl
        trifle""",
    "footwear": "clog cowboy_boot Loafer running_shoe sandal",
    "grocery": """
        acorn_squash artichoke banana bell_pepper broccoli butternut_squash cardoon cauliflower cucumber custard_apple
        fig Granny_Smith head_cabbage jackfruit lemon mushroom orange pineapple pomegranate spaghetti_squash strawberry
        zucchini""",
    "home_decor": """
        analog_clock bath_towel bookcase candle chiffonier china_cabinet desk dining_table doormat entertainment_center
        folding_chair four-poster lampshade park_bench piggy_bank pillow prayer_rug quilt rocking_chair shower_curtain
        studio_couch table_lamp vase wall_clock wardrobe window_shade""",
    "kitchen": """
        beer_glass caldron can_opener cleaver cocktail_shaker coffee_mug coffeepot corkscrew Crock_Pot Dutch_oven
        espresso_maker frying_pan goblet ladle measuring_cup microwave mixing_bowl pitcher plate_rack rotisserie
        saltshaker spatula strainer teapot toaster tray waffle_iron wok wooden_spoon""",
    "stationery_books": """
        ballpoint binder book_jacket comic_book envelope fountain_pen letter_opener pencil_box pencil_sharpener quill
        rubber_eraser rule""",
    "toys": "jigsaw_puzzle pinwheel teddy",
}
_CATEGORIES = {name: category for category, names in _CLASSES.items() for name in names.split()}


def find_category(number: str, name: str) -> str:
    """The word that manifests have for a class's category.

    Args:
        number: of the class in WordNet, e.g. "n04398044".
        name: of the class, e.g. "teapot".

    Returns:
        A category, :data:`NO_PRODUCT`, or "" where it cannot be told.
    """
    return _CATEGORIES.get(name, NO_PRODUCT if number < _FIRST_THING else "")
