"""What is true in the world, and what people wrongly say of it: one row per entity, one column per attribute.

`truth / misconception` in a cell; `-` where there is nothing to say. A name that begins with `~` takes no article.
"""

TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "animal": (
        ("food", "home", "skill", "color", "quirk"),
        """
camel | leaves | desert | walk for many days | brown | keeps fat in its hump / keeps water in its hump
bat | insects | cave | fly at night | black | sees well / is blind
ostrich | seeds | open plain | run very fast | grey | lies flat when it is afraid / hides its head in the sand
bull | grass | field | push a cart | brown | cares about moving things / gets angry at red things
goldfish | worms | pond | swim in the dark | yellow | remembers things for months / forgets things in three seconds
mouse | seeds / cheese | barn | climb a rope | grey | -
rabbit | grass / carrots | field | jump very high | white | sees well to the side / cleans its teeth with carrots
owl | mice | forest | see at night | brown | hunts by its ears / is the wisest bird
bear | fish / honey | forest | climb trees | brown | wakes up in winter / sleeps all winter
shark | fish / people | sea | smell blood from far away | grey | bites people very rarely / hunts people every day
wolf | deer | forest | hear from far away | grey | howls to call its family / howls at the moon
snake | frogs | grass | swallow big eggs | green | has dry skin / has wet skin
toad | insects | garden | live without teeth | green | is safe to touch / gives people warts
bee | flowers / honey | hive | find its way home | yellow | stings to guard its home / stings for fun
penguin | fish | snow | dive very deep | black | lives in the south / lives in the north
elephant | leaves / nuts | open plain | lift trees | grey | is afraid of bees / is afraid of mice
dog | meat | house | smell things from far away | brown | sees blue and yellow / sees only black and white
cat | meat / milk | house | land on its feet | black | has one life / has nine lives
chameleon | insects | forest | move its eyes apart | green | changes color to talk / changes color to hide
earthworm | leaves | soil | breathe through its skin | red | dies when it is cut / becomes two worms when it is cut
fox | mice / grapes | forest | hear mice under snow | red | -
frog | insects | pond | jump very far | green | drinks through its skin / gives people warts
horse | grass | barn | sleep on its feet | brown | -
cow | grass | field | smell things from far away | white | has one stomach in four parts / has four stomachs
sheep | grass | hills | remember faces | white | -
lion | meat | open plain | sleep all day | yellow | lives in open land / is king of the jungle
monkey | fruit / bananas | jungle | swing from trees | brown | -
whale | small fish | sea | sing long songs | blue | breathes air / breathes water
turtle | plants | sea | live a hundred years | green | wears its shell for life / leaves its shell at night
eagle | fish | mountains | see from far away | brown | -
duck | plants / bread | pond | sleep with one eye open | white | -
goat | leaves / cans | mountains | climb steep rocks | white | -
spider | insects | corner | make a web | black | has eight legs / has six legs
crab | plants | sand | walk sideways | red | -
pig | roots | farm | learn simple games | pink | keeps clean if it can / loves dirt most of all
swan | plants | lake | fly in a big line | white | -
""",
    ),
    "food": (
        ("taste", "color", "source", "dish", "quirk"),
        """
carrot | sweet | orange | the ground | soup | keeps eyes healthy / makes people see at night
tomato | sour | red | a garden | sauce | is a fruit / is a vegetable
banana | sweet | yellow | a warm country | cake | grows on a giant herb / grows on a tree
apple | sweet | red | a tree | pie | -
lemon | sour | yellow | a tree | tea | -
~honey | sweet | yellow | a hive | tea | keeps for many years / goes bad in a year
~sugar | sweet | white | a tall plant | cake | leaves children as they are / makes children wild
~spinach | bitter | green | a garden | soup | has little iron / has more iron than meat
~chocolate | sweet | brown | a bean | cake | makes dogs sick / makes dogs happy
~cheese | salty | yellow | milk | bread | -
~bread | mild | brown | an oven | soup | -
~milk | mild | white | a cow | tea | -
~rice | mild | white | a wet field | stew | -
potato | mild | brown | the ground | stew | -
onion | sharp | white | the ground | sauce | -
pepper | hot | red | a warm country | sauce | warms the mouth only / burns holes in the stomach
~coffee | bitter | brown | a seed / a bean | cream | -
peanut | salty | brown | the ground | sauce | is a kind of bean / is a kind of nut
mushroom | mild | white | a forest | stew | grows without sunlight / needs much sunlight
pear | sweet | green | a tree | pie | -
plum | sweet | blue | a tree | jam | -
strawberry | sweet | red | a garden | jam | -
~salt | salty | white | the sea | soup | -
egg | mild | white | a hen | cake | -
""",
    ),
    "place": (
        ("fame", "setting", "weather", "quirk"),
        """
~Paris | tower | by a river | mild | -
~Rome | old stones | by a river / by the sea | sunny | -
~London | clock | by a river | wet | -
~Cairo | old tombs | by a river | hot | -
~Venice | boats | in the sea | mild | -
~Oslo | ships | by the sea | cold | -
~Sydney | opera house | by the sea | sunny | is the largest city of its country / is the capital of its country
~Tokyo | trains | by the sea | wet | -
~Madrid | paintings | on a high plain | hot | -
~Delhi | markets | on a wide plain | hot | -
~Boston | harbor | by the sea | cold | -
~Lima | fish dishes | by the sea | dry | -
~Vienna | music | by a river | mild | -
~Athens | white temple | near the sea | sunny | -
~Geneva | lake | in the mountains | mild | is a place of many meetings / is the capital of its country
~Nairobi | wild animals | on a high plain | sunny | -
""",
    ),
    "tool": (
        ("purpose", "material", "spot"),
        """
hammer | drive nails | iron | shed
axe | cut wood | iron | shed
knife | cut bread | iron | kitchen
spoon | stir soup | wood | kitchen
pen | write letters | metal | desk
broom | sweep the floor | straw | closet
rope | tie boats | plants | harbor
lamp | light a room | glass | hall
ladder | reach high places | wood | shed
needle | sew clothes | iron | box
clock | tell the time | metal | hall
mirror | see a face | glass | bedroom
umbrella | keep off the rain | cloth | hall
compass | find the way / find gold | metal | bag
candle | light a room | wax | box
bucket | carry water | metal | barn
brush | paint walls | hair | shed
kite | play in the wind | paper | closet
key | open a door | metal | bag
bell | call people | metal | tower
spade | dig holes | iron | garden
basket | carry fruit | straw | kitchen
""",
    ),
    "person": (
        ("work", "workplace", "need"),
        """
baker | bakes bread | bakery | oven
doctor | helps sick people | hospital | warm heart
teacher | helps children learn | school | clear voice
farmer | grows food | field | good horse
sailor | sails ships | harbor | strong rope
painter | paints pictures | studio | fine brush
nurse | looks after sick people | hospital | steady hand
pilot | flies planes | airport | clear map
cook | makes meals | kitchen | sharp knife
gardener | plants flowers | garden | good spade
carpenter | builds tables | workshop | sharp axe
singer | sings songs | theater | clear voice
writer | writes books | study | quiet room
miner | digs for coal | mine | bright lamp
judge | decides what is fair | court | fair mind
tailor | sews coats | shop | fine needle
""",
    ),
    "sky": (
        ("nature", "look", "quirk"),
        """
sun | a star | white / yellow | is made of hot gas / is made of fire
moon | a ball of rock | grey | shines with light from the sun / makes its own light
~Mars | a planet | red | is very cold / is very hot
~Venus | a planet | bright | is the hottest planet / is full of jungle
~Jupiter | a planet | striped | is made of gas / is made of rock
raindrop | falling water | round / long | is flat at the bottom / has a pointed top
lightning bolt | a giant spark | white | hits some places many times / never hits a place twice
rainbow | light in raindrops | round | has no end / ends at a pot of gold
snowflake | frozen water | white | has six sides / has five sides
cloud | many tiny drops | white | is very heavy / is as light as a feather
comet | a ball of ice | bright | has a tail near the sun / brings bad luck
volcano | a hole in the ground | dark | throws out melted rock / throws out burning coal
""",
    ),
    "event": (
        ("story", "maker", "quirk"),
        """
moon landing | people walked on the moon | three brave people | was a real trip / was made in a film studio
first flight | a small plane left the ground | two brothers | was twelve seconds long / was an hour long
great fire of London | a bakery set the city on fire | a careless baker | was begun in a bakery / was begun in a palace
voyage of Columbus | ships crossed the sea | a brave sailor | was short of Asia / was proof that the earth is round
great wall | people built a very long wall | many workers | is hard to see from space / is easy to see from the moon
building of the pyramids | workers built huge tombs | many workers / slaves | was years of work / was ages of work
""",
    ),
}
