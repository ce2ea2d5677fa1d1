-- Passwords that are tried first, and the words that they are made of: what people choose, in several languages. Lower
-- case, as typed; passwords.lua takes off digits at the ends, reads digits and signs as letters, and knows what runs along
-- the keyboard, so none of that is listed. One text to search in: it is looked at when a password is set, and must not
-- fill the memory of every worker.

local M = {}

--- The words, each between spaces.
M.WORDS = (" " .. [[
!qaz2wsx 007007 123456a 1a2b3c 1a2b3c4d 1q2w3e 1qaz2wsx 2pac 420420 50cent 5201314 a123456 a1b2c3 a1b2c3d4 aa123456
aaa aaaa aaaaaa aardvark aaron ab123456 abba abc abcabc abcd abcde abcdef abcdefg abcdefgh abcdefghijk abercrombie
abigail abracadabra abraham absolut abuela abuelo access accord account acdc achieve achilles acmilan acoustic action
active acura adam adgangskode adidas admin adminadmin administrador administrateur administrator adriana adventure
aerith aeropostale aerosmith africa african agent agnieszka ahmed ahmet aiden aini1314 airborne airbus airforce
airplane aisha ajax alabama aladdin alan alaska albert alberto alejandro aleksandr aleksey alessandra alessandro
alessia alex alexa alexander alexandra alexandre alexandria alexey alexia alexis alfa alfaromeo alfred alfredo algeria
algerie ali alice alien aliens alive allah allahuakbar allen allie allison aloha alone alpha alphabeta alphaomega
altima always amanda amazing amazon amber america american americaneagle amethyst amiga amigo amigos amit amor
amorcito amore amormio amour amsterdam amy anakin anastasia anders anderson andrea andreas andres andrew andrey
android andromeda angel angela angelbaby angeleyes angelo angels angelus angus ania anil anjali ankit ann anna anne
annette annie anniversary anonymous anthony antoine anton antonella antonio ants anubis anybody anything apache
apocalypse apollo apple apples april aquaman aquarius aragorn archer archie architect arduino area51 ares argentina
ariel aries arizona armageddon armando armani army arschloch arsehole arsenal art artem arthur artist arturo asd
asdasd asdasdasd asdf asdfgh asdfghjkl ashley asia aslan ass assassin assassins asshole asterix asteroid astra
astronaut astros atari athena athens athlete athletics atlanta atlas atletico audi audia4 august auntie aussie austin
australia austria autumn ava avalanche avalon avatar avengers aviation awesome ayse azerty azertyui azertyuiop azure
babies baby babyangel babyblue babyboy babycakes babydoll babyface babygirl babylon bacon badass badboy badger badgirl
baerchen bailey baker bakery baltimore banana bananas bandung bangbang bangkok bangladesh bank banker banking barbara
barbarian barbie barcelona barney bart bartek bartholomew baseball basket basketball bass bassman bastard bastards
batman battlefield bayern beach beachboy beagle bear bears beast beatles beautiful beauty beaver beavis beckham bee
beer beerbeer beers bees beetle beetlejuice beijing beisbol belgie belgium believe believer bella bender benfica
bengals benjamin bentley benvenuto benz berlin bernd besiktas bestfriend bestfriends beta betty beverly beyonce bff
bible bicycle bieber bienvenido bienvenue bigboss bigboy bigdaddy bigdick bigdog bigfoot biggie bigman bike biker
bikes biking bilbo billion billionaire bills billy biology bird birdie birds birthday bishop bismillah bison bitch
bitches bitchy bitcoin bjorn bla blabla black blackberry blackbird blackcat blackhawks blackheart blackjack blackout
blackpanther blackpink blacksabbath blackwhite blah blahblah blake blank blazers bleach blessed blessing blessings
blink1 blink182 blizzard blockchain blonde blondie blood bloody blowfish blue blueberry bluebird blueblue bluedevils
blueeyes bluefish bluemoon blues bluesky blume blur bmw boat boats bob bobafett bobby bobmarley boca bocajuniors
boeing bollocks bond bonehead bones bonita bonjour bonjovi bonnie boobies boobs boogie book books boomboom boomer
bootsie boricua boris bosna boss bossman boston botafogo bowie bowling boxer boxing boyfriend brady brandon brandy
brasil brasilia brave bravery braves bravo brazil bread breakingbad breanna brenda bretagne brett brewers brian briana
brianna britain british britney britneyspears brittany brock brody broken brokenheart bronco broncos bronson bronx
brooklyn brother brothers brown brownie brownies browns bruce bruins brussels brutus bryan bryce bts btsarmy bubba
bubblegum bubbles buccaneers buckeyes bucks bucuresti bud budapest buddha buddies buddy buddyboy budlight budweiser
buffalo buffy bugatti bugsbunny builder bulbasaur bulgaria bulldog bulldogs bullet bulls bullshit bumblebee bunnies
bunny burger burgerking burrito burton business buster butch butt butter buttercup butterflies butterfly butthead
butthole buzz bvb09 bye byebye c3po cadillac caesar cairo cake caleb cali california callofduty calvin camaro camel
camera cameron camila campeon camry canada canadian canadiens cancer candy candyland candyman cantremember canucks
capetown capitals capone cappuccino capricorn captain captainamerica captainmorgan caramel carbon cardinals carl
carlos carmen carol carolina caroline carolyn carpenter carrera carrie carrot cartman cash cashmoney casper cassie cat
catch22 catherine cathy cats catwoman cavaliers celica celtic celtics centos cerveza cesar chacha challenger champ
champion champions chance chandler chanel change changeit changeme changenow changethis chaos chaotic charger chargers
charizard charles charlie charliebrown charlotte chase chatgpt cheer cheerleader cheese cheeseburger cheesecake
cheetah cheetos chef chelsea chemistry chen chennai cherokee cherries cherry cheryl chester chevelle chevrolet chevy
chewbacca chewie cheyenne chiara chicago chicagobulls chicken chickens chickenwing chief chiefs chile chimp china
chinese chiquita chivas chloe chocolat chocolate choochoo chopper chouchou christ christian christina christine
christmas christoph christophe christopher chrome chrysler chuckles chula church ciao ciaociao cielito cielo
cinderella cindy cinnamon cisco citroen civic claire clapton clarence class classof claudia clement cleopatra
cleveland clifford clio clippers cloud clouds cloudy clover coach cobra cocacola cocaine cock coco cocoa cocoloco
coconut code coder codered coding cody coffee coke colby coldplay cole colin college colombia colonel color colorado
colors colossus colour colts comanche comet company compaq computer computers conan concert concorde connect conner
connie connor contact contrasena contraseña cook cookie cookiemonster cookies cooking cool coolcool coolgirl coolguy
coolio coolman cooper copper corazon corey corinthians corleone corolla corona correcthorse correcthorsebatterystaple
corsa corvette cory cosmic cosmos coucou cougar cougars counterstrike country courage courtney cousin covid cow
cowabunga cowboy cowboys cowgirl cows cplusplus cr7 cracker craig cranberry crazy crazyboy crazygirl creative creature
cricket crimson crip cristian cristiano cristo croatia crow crows crusader cruzazul cruzeiro crypto crystal csharp
cuba cubs cunt cupcake curtis cute cutie cutiepie cyber cyberpunk cycling cyclone cyclops cynthia czech dad dada daddy
daddysgirl daffy daisy dakota dale dalejr dalek dallas dalton damian damien damon dance dancer dancing danger
dangerous daniel daniela daniella danielle danmark danny daredevil dario dark darkangel darkknight darklord darkness
darkside darrell darren darthvader dasha database daughter dave david davide davidson dawn daytona dead deadman
deadpool death deathnote debbie debian deborah debra december deejay deepak deer default delhi dell delta demo
demodemo demon demons denali denis denise denmark dennis dentist denver derek derrick desert design designer desktop
destiny detective detroit deutschland developer devil devils devin devon dexter diablo diamond diamonds diana diane
dianne dick dickhead die diego dieter digital dior dios diosesamor diosmio discovery disney disneyland djokovic dmitri
dmitry docker doctor doctors doctorwho dodge dodgers dog dogecoin doggie doggy doglover dogs dollar dollars dolly
dolphin dolphins domingo dominic dominik domino donald donaldduck donkey donna donovan dontforget dontknow donut
donuts doodle doom doors dope doris doritos dorothy dortmund dota doudou douglas dragon dragonball dragonfire
dragonfly dragons drake drawing dream dreamcatcher dreamer dreaming dreams drew driver driving drpepper drum drummer
drums drupal drwho duane ducati duck ducks ducky dudley dumbledore dummy duncan dustin dvorak dwayne dying dylan eagle
eagles earl earnhardt earth earthquake easter eastside ebay echo eclipse edgar edison edna eduardo education edward
edwin eeyore egypt eight einstein ekaterina elderscrolls electric electrician elena elephant elephants eleven elif
elijah elite elizabeth elk ella ellen elliot elliott elsa elvis elvispresley elwood emerald emilio emily eminem emma
emperor empty emre energy engel engineer engineering england english enigma enrique enter enterprise epsilon eric
erica ericsson erik erin ernest ernesto escalade escort espana espresso estrella estrellita ethan ethereum eugene
europe evan evanescence eve evelyn everest everlast everton everybody everything evil example excalibur exodus explore
explorer ezekiel f150 facebook faith falcon falcons fall fallout familia family familyguy fanta fantastic fantasy farm
farmer fate father fatih fatima february federer federica federico fedora felicidad felipe felix feliz fender
fenerbahce fernanda fernando ferrari ferret feyenoord fiat ficken fiesta fifi fifty finalfantasy finland finn fire
fireball firebird firefighter firefire firefly firefox fireman firewall fireworks fish fisher fisherman fishing five
flame flamengo flames flamingo flash fletcher flipper florence florian florida flower flowerpower flowers floyd
fluminense flute flyer flyers flying focus foobar foobaz football force forces ford fordf150 forest forever
foreverandever foreverlove forget forgot forgotten formula1 fortnite fortune four fox foxes foxtrot foxy fraggle
france francesco francisco francois frank frankfurt frankie fred freddie freddy fredrik free freebird freedom freeman
french freya friday friend friends friendship fritz frodo frog frogger froggy frosty frozen fuck fucker fuckers
fuckface fucking fuckit fuckme fuckoff fuckthis fuckyou fullmoon fun funky funkymonkey funny funtime fussball futbol
futurama fútbol gabriel gabriela gabriella gabrielle gaby gaga galatasaray galaxy galore gambit game gamecube
gameofthrones gameover gamer gamers games gaming gamma gandalf ganesh ganesha gang gangsta gangster ganja garden
garfield garlic garrett gary gateway gatito gators gavin gecko geheim gemini gene general genesis gentleman geoffrey
george georgia gerald german germany geronimo gerrard ghana ghetto ghost ghosts giants giggles gigi gilbert gimli
ginger giovanni giraffe girlfriend github gitlab giulia giuseppe gizmo gladiator glenn gloria gmail goat god godbless
goddess godisgood godislove godzilla gohan goku golang gold golden goldeneye goldfish goldie golf golfer golfgti
golfing goliath gollum gonzalo goodboy goodbye goodday goodgirl goodluck goodmorning goodnight goodtimes goofy google
googlecom goose gordon gorgeous gorilla gospel grace graduate graduation graham grandma grandmother grandpa grant
grape grapes gray greece greek green greenday greenlantern greg gregory gremio gretchen grey griffin grizzlies
gryffindor gsxr gta gto guadalupe guapa guapo gucci guenther guest guillaume guillermo guinness guitar guitarist
gunner guns gunsnroses gunther gustavo gymnast gymnastics hacked hacker hackers hacking hackme hades hagrid haha
hahaha hailey haley halflife hallo halloo halloween halo hamburg hamburger hamilton hamlet hammer hamster handsome
hank hannah hannibal hans hansolo hanuman happiness happy happybirthday happyday happydays happyfeet happyhappy
happyme hardcore haribo harley harleydavidson harold harrison harry harrypotter harrystyles harvey hasi haslo hassan
hawaii hawaiian hawk hawkeye hawks haxor hayabusa heart heartbreak heartbreaker hearts heat heather heaven heavenly
heavymetal hector hehehe heineken heinz heisenberg hejhej helen helicopter hell hellboy hellfire hello hellohello
hellokitty hellothere helloworld helmut helsinki hemligt hendrix henrik henry hentai hercules hermana hermano hermes
hermione hermosa hero heroes hertha heslo hewlett hihihi hinata hiphop hippie hiroshi history hobbit hockey hogwarts
hola holahola holiday holidays holland hollister holly hollywood holy holyspirit homer homerun homework homie honda
hondacbr honest honesty honey honeybear honeybee honeymoon hongkong honor honour hood hoosier hooters hope hornet
hornets horse horses hostmaster hot hotboy hotdog hotdogs hotgirl hotmail hotness hotrod hotstuff hottie house1
houston howard hrvatska htc huawei hubby hufflepuff hugo hulk hummer hund hundred hungary hunter hunters hunting
hurricane hurricanes husband huskers husky hussein hustle hustler iamawesome iamcool iamgod iamking iamtheone ian ibm
ibrahim ice iceberg icecold icecream iceland iceman ichigo ichliebedich idk idontknow ignacio igor ilovedad ilovegod
iloveher ilovehim ilovejesus iloveme ilovemom ilovemum ilovemusic ilovemycat ilovemydog ilovemyself iloveu iloveyou
iloveyoubaby iloveyousomuch imagination imagine impala impreza imthebest india indian indiana indianajones indians
indigo indonesia infernal inferno infinite infinity inspiration instagram integra intel inter intermilan internet iowa
ipad iphone ipod ira iran iraq ireland irene irina iris irish ironmaiden ironman isaac isabel isabela isabella
isabelle isaiah isis islam islamabad island islanders islands israel istanbul itachi italia italian italy itunes ivan
jack jackdaniels jackie jackson jacob jacqueline jacques jade jaguar jaguars jaihind jakarta jake jakub jamaica james
jamesbond jamie jane janedoe janet janice jannik january japan japanese jared jasmin jasmine jason jasper java
javascript javier jay jayden jayhawks jayz jazz jazzman jean jedi jedimaster jeep jeff jeffrey jelly jellybean
jellybeans jelszo jenkins jennifer jens jeremiah jeremy jerry jesper jesse jessica jester jesucristo jesus jesuschrist
jesusislord jesuslovesme jesussaves jetaime jethro jets jetta jewel jewels jim jimbeam jimihendrix jimmorrison jimmy
joan job jobs joe joey johan johannes john johndeere johndoe johnlennon johnny johnnycash johnson joker jonah jonas
jonathan jonsnow joomla jordan jorge jose joseph josh joshua joystick juan judas judith judo judy juergen juice jules
julia julian juliana julie julien juliet juliette july jumper june jungle junior juniors jupiter jurassic jurgen
justice justin justinbieber juventus kahuna kaka kakashi kamil kangaroo kansas kanye karachi karate karen karolina
kasia kasper kate katherine kathleen kathryn kathy katie katy katya katze kawasaki kayla kaylee keith kelly kelvin
kemal kenneth kennwort kenny kenobi kent kentucky kenya kermit kevin keyboard keyword kfc khaleesi kiev kiki kill
killer killers killing killme kimber kimberly king kingdom kingdomhearts kingkong kings kirby kirk kiss kisses kissme
kissmyass kitkat kitten kittens kitty kittycat kiwi klaus klingon knicks knight knights knuckles koala kobe kobebryant
kodiak koeln kolkata konnichiwa konstantin korea korean korn kpop krakow krishna kristen kristin kristina krzysztof
kubernetes kumar kungfu kurt kyle kylie labrador lacey ladies lady ladybug ladygaga lahore lake lakers lakota lakshmi
lalala lamb lamborghini lampard lance lancelot lancer landon lannister laptop larry lars lasagna lasvegas latte laugh
laughing laura lauren laurent lawrence lawyer layla lazio leafs leagueoflegends leah lebanon lebron lebronjames
ledzeppelin lee leet legalize legend legendary legends legolas leia lemon lemonade lemons lennon lenovo leo leon
leonard leonardo leopard leroy lester letmein letmeinnow letmeout letmepass letmesee lewis lexus liam liberty libra
library liebe liebling life lifegoeson lifeisgood lifestyle lightning lightyear lilly lilwayne lily lime limpbizkit
lincoln linda lindsay lindsey link linkedin linkinpark linux lion lioness lions lisa lisboa lisbon liu liverpool
lizard lkjhgf lmao lobster loca lockdown loco logan login logmein loki lol lola lolita lollipop lollol lollypop lolol
london lonely loner longhorns lord lordoftherings lorenzo lori losangeles losenord lotus louis louise louisiana
louisvuitton loulou love lovelife lovelove lovely loveme lover loverboy lovergirl loves loveu loveyou loving loyal
loyalty luca lucas luciana lucifer luck lucky luckycharm luckydog luckyme lucy luffy luigi luis lukas luke
lukeskywalker lulu luna lunar luv luvyou lyon macbook macintosh mackenzie madison madonna madrid magenta magento
maggie magic magical magician magnolia magnum magnus major malaysia malcolm mama mamamia mami mamita mamma manager
manchester mancity mandy manfred mango manhattan manila manuel manunited manutd maple mapleleafs maradona marathon
marcelo march marcin marco marcos marcus margaret marge maria mariana marianne marie marijuana marilyn marina marine
mariners marines mario mariposa marissa mark markus marlboro marlene marley marlins maroc maroon marriage married mars
marseille martha martin martina marvel marvin mary maryland maserati masha mason master masterchief masterkey
masterpass mate mateusz math mathematics mathias mathieu matrix mats matteo matthew matthias maurice mauricio mausi
maverick mavericks max maxim maxima maxime maximilian maximus maxine maxwell may maybe maytheforce mazda mccartney
mcdonalds mclaren mechanic medusa megadeth megan meghan mehmet melanie melbourne melinda melissa melon melvin member
memphis mercedes mercury mercy mermaid merrychristmas messi metal metallica meteor metro metroid mets mexican mexico
mia miami miamor miamore miata michael michaela michaeljackson michaeljordan michal michelle michigan mickael mickey
mickeymouse micky microservice microservices microsoft middleearth midnight miguel mike mikhail mikkel milan milano
mildred milk milkshake million millionaire millions mimi minecraft minh minnesota minnie minniemouse miracle miranda
mississippi misspiggy missy mitchell mitsubishi mivida mnbvcxz mnms mocha mohamed mohammed mollie molly mom mommy
monday money moneyman mongodb monica monika monique monitor monkey monkeys monopoly monster monsters montana montreal
moon moonbase moonbeam moonbus moonlight moonshine moonwalk moose mordor morgan moritz morning morocco morpheus morris
morrowind mortalkombat moscow moses moskva motdepasse mother motherfucker mothers motocross motorbike motorcycle
motorola mountain mountaindew mountains mouse mozilla muchacho mufasa muffin muggle muhammad mulan mulder mum mumbai
mummy munich murat murphy muse music musica musician muslim mustafa mustang mybaby mychemicalromance mycroft mylife
mylove myname mynameis mypass mypasswd mypassword mysecret myself myspace mysql mysterious mystery mystic mystical
nachos nadal nadia nadine naked namaste nana nanana nancy nantes naomi napoli narnia naruto nasa nascar nashville
nastya natalia natalie natasha nathan nathaniel nationals navidad navy navyseal ncc1701 nebraska nebula nederland neha
neil nelson nemesis nemo nene neo nepal neptune netflix nets netscape network nevada never nevermind newcastle newlife
neworleans newpassword newport newstart newyear newyork newyorkcity newzealand neymar nginx nguyen nicholas nick
nickname nicknames nicolas nicole nigel nigeria night nightmare nightwish nihao nike nikeair nikita nikolai nils nina
nine niners nini ninja ninjas nintendo nirvana nissan nitro noah nobody noel noemi nokia noname none nono noodle
noodles nopass nopasswd nopassword norge norma norman northside norway nosferatu nothanks nothing notsecret nova
november nude nuggets null number1 numberone numerouno nurse nurses nutella nvidia nyc oakland oaktree oasis obelix
obiwan oblivion ocean october odin office offspring ohio oilers okay oklahoma okok olaf oldpassword oleg olga oliver
olivia olivier olympics olympique omar omega omg omnamahshivaya one onedirection onepiece onetwo onetwothree onion
opal opel openai opensaysme opensesame openup opera operator oracle orange oranges orchid oregon oreo orioles orion
orlando oscar osiris oslo otter ourpassword outlook overwatch owen owner p@$$w0rd p@ssw0rd pa55w0rd pa55word pablo
pacers packers pacman padres paige painting pakistan pal palestine palmeiras pamela panasonic pancake pancakes panda
pandas pandemic panic pantera panther panthers paolo papa papaya papi papito paradise paradox paramore paris parker
parola parrot party partygirl partytime pascal pass passat passcode passe passkey passme passpass passphrase passw0rd
passwd password passwordpassword passwords passwort pasta patricia patrick patriots paul paula pavel pawel paypal
peace peaceful peaceout peach peaches peanut peanutbutter peanuts pear pearl pedro pegasus peggy pele pelicans
penelope penguin penguins pennsylvania penthouse pentium pepper peppermint peppers pepsi perl perrito perry peru peter
peterpan peugeot pferd phantom pharaoh philadelphia philip philippe philippines philips phillies philly phoebe phoenix
photo photography photos phyllis physics piano picard pierre pig piggy piglet pigs pikachu pilot pimp pimpdaddy pimpin
pinay pineapple pinguin pink pinkfloyd pinkie pinkpink pinky pinoy piotr pirate pirates pisces pistons pittsburgh
pixar pizza pizzas plane planet playa playball playboy player players playgirl playstation please plum plumber pluto
pocahontas poet poetry poiuyt pokemon poland police policeman polska ponies pontiac pony poodle pooh poohbear pooja
pookie pooky popcorn popeye poppy porkchop porn porno pornstar porsche portland porto portugal poseidon postgres
postgresql postmaster potato potter power powerful powerrangers powers prada prague praha praise prayer preciosa
precious predator predators preppy presley preston pretty prettygirl pride prince princesa princesita princess
princesse pringles printer priscilla private priya professor programmer proud psalm public puerto puertorico puma
pumas pumpkin pumpkins punisher punk punkin punkrock puppies puppy purple pussy pussycat pwd pword python q1w2e3
q1w2e3r4 qazwsx qazwsxedc quake quarantine queen queens quentin quidditch quinn qwaszx qwe qweasd qweasdzxc qweqwe
qwerasdf qwert qwerty qwertyqwerty qwertyuiop qwertz qwertzuiop r2d2 rabbit rabbits racer rachel racing radeon
radiohead rafael rahul raider raiders railroad rain rainbow rainbows raindrop rainy rajesh ralph ram1500 rambo ramesh
rammstein ramon ramona ramones rams ranch randy ranger rangers rapper raptor1 raptors rascal rasmus raspberry
raspberrypi rasta rastaman raul raven ravenclaw ravens raymond razor reader reading realmadrid rebecca rebel rebels
red redbull reddevil reddevils redhat redhead redhot redis redman redneck redred redrose reds redskins redsox redwings
redwood reebok reggae reggie1 regina remember rememberme renault rene renee respect rex ricardo rice rich richard
richie richman ricky rihanna ringo rita rivendell river riverplate rivers rob robbie robert roberto robin roblox
robocop robot robots robyn rock rocker rocket rocketman rockets rockies rockland rocknroll rockon rocks rockstar rocky
rockyou rodney rodrigo rofl roger rohit roland rolex rollingstones rolls rollsroyce rolltide roma romain roman romania
romanian rome romeo romeoandjuliet ronald ronaldinho ronaldo ronnie ronweasley rooney rooster root rootroot rosa rose
rosebud rosemary roses ross rotterdam rottweiler route66 roxanne roxy roy ruben ruby rudolph rudy rugby rum runescape
runner running rush ruslan russell russia russian rusty ruth rx7 ryan ryu saab sabres sabrina sachin safari
sagittarius sailing sailor saints sairam sakura salam salasana sally salmon salut sam samantha sammy sample samson
samsung samuel samurai samwise sanandreas sandiego sandman sandra sandy sanfrancisco sanjay santa santaclaus santana
santiago santos sapphire sara sarah sasha sassy sasuke satan saturday saturn sauron sausage savannah savior saviour
saxophone scarface scarlet schalke schatz schatzi scheisse school schumacher science scooby scoobydoo scooter scorpio
scorpion scotland scott scottish scruffy scully sea seahawks sean seaside season seattle sebastian secret secretkey
secreto secretsecret secretword secure security sega segredo segreto seinfeld selena selenagomez semperfi senators
senha senior sentra seoul sephiroth september serbia sergeant sergei sergey sergio server service sesam sesame seth
seven sex sexpistols sexsex sexy sexybeast sexybitch sexyboy sexygirl sexylady sexyme shadow shadows shaggy shakira
shane shanghai shannon shaq shark sharks sharon shasta shawn sheep sheila shelby shelly sheriff sherlock sherry ship
shirley shit shithead shiva shooter shooting shootingstar shorty shrek sidney siemens sierra sifre sigma signin signup
silver silverado silvia simba simcity simon simona simone simple simpson simpsons sims sinatra singapore singer
singing single singlelife sinner sirius sister sisters sith six sixers skateboard skater skating skeleton skier skiing
skipper skippy skittles skull skulls skunk sky skyfall skylar skyline skynet skype skyrim skywalker slacker slayer
slick slim slimshady slipknot slovakia slovenia slut slytherin smart smarty smile smiles smiley smiling smirnoff smoke
smokes smokeweed smokey smoking smooth snake snakes snapchat snape snapper snickers sniper snoop snoopdogg snoopy snow
snowball snowboard snowflake snowman snowwhite snowy snuggles soccer socrates soda softball sol solar soldier soleil
solo solomon somebody something sommer son song songs sonia sonic sonne sonnenschein sony sonya sonyericsson sooners
sophia sophie soren sorry soul southafrica southpark southside space spaceman spaceship spaghetti spain spanish spanky
sparkle sparkles sparky sparrow sparta spartacus spartan spartans special spectre speed speedracer speedy spencer
spider spiderman spike spirit spitfire splash spock spongebob spooky sport sporting sports spotify spring springtime
sprite spunky spurs squidward squirrel squirt squirtle srbija srilanka stacey stacy stallion stanford stanislav
stanley star starbuck starbucks starcraft stardust starfish stargate stark starlight stars startrek starwars steak
steel steelers stefan stefano steffen stella stephane stephanie stephen sterling steve steven stewie stinky stockholm
stone stoned stoner stones stories storm stormtrooper stormy story stranger strawberry streetfighter strength strong
stronger stuart student students stupid stupidme subaru sublime submarine subway subzero success successful sugar
sugarbaby summer summertime sun sunday sunflower sunil sunny sunrise suns sunset sunshine suomi super superboy
superfly supergirl superhero superior superman supermario supernova superpower supersecret supersonic superstar
superuser supervisor supra supreme suresh surfer surfing susan susana susanne sushi suzanne suzuki sven sverige
svetlana sweden sweet sweetheart sweetie sweetness sweetpea sweets sweety swimmer swimming swiss switzerland swordfish
sydney sylvain sylvester sylvia sysadmin sysop system taco tacoma tacos taekwondo tails taiwan tajne takashi tamara
tammy tampa tango tanya tara tardis targaryen tarheels tarzan tasha tatiana taurus taylor taylorswift taz tazmania tea
teacher team teamo teamwork teatime techno ted teddy teddybear tekila tekken temp tempest templar temporary temppass
ten tennessee tennis tequiero tequila teresa terminator terry test tester testing testpass testtest testuser tetris
texans texas thailand thanks thanksgiving thankyou thanos thebeatles thebest theboss thecat theclash thedog thedoors
theend theforce thegame theking theman theodore theone thepassword thesims theta thething thierry thing things
thinkpad thirteen thomas thor thorsten thousand three thriller thug thuglife thumper thunder thunderbird thunderstorm
thursday thx1138 tiamo tickle tifa tiffany tiger tigers tigerwoods tigger tim timber timberwolves timothy tina tinker
tinkerbell titan titanic titans tits tobias toby today todd tokyo tom tomasz tomato tomcat tommy tomorrow tonight tony
tool toor tootsie topaz topgun topsecret tornado toronto torres torsten toshiba toto tottenham toyota tractor tracy
train trains trance trans transam travel traveler travis treasure tree treefrog trees trekkie trevor trigger trinity
triumph trojan trojans trouble troublemaker troy truck trucker trucks true truelove trumpet trust trustme trustno
trustnoone truth truthisoutthere tsunami tucker tuesday tulip tunisia tupac turbo turkey turkiye turquoise turtle
turtles tweety twenty twilight twins twister twitter twix twothree tyler tyrion ubuntu ukraine ultimate uncle
undefined underground undertaker unicorn unicorns universal universe university unknown unreal uranus ursula usa user
username userpass users uwe vacation vaccine vader valentina valentine valeria valhalla valley valorant vampire
vampires vancouver vanessa vanhalen vanilla vasco vegas vegeta velvet venezuela venice venom venus vera vernon
veronica veronika versace verysecret vicecity vicente vicky victor victoria victory vienna vietnam vijay viking
vikings vince vincent violet violin viper virgencita virgin virginia virgo vision visitor vivian viviana vlad vladimir
vodka volcano volcom voldemort volkswagen volleyball volvo voodoo voyager wachtwoord wade waiter wales walker
walkingdead walrus walter wanda wanderer wang wanker warcraft warhammer warlock warning warren warrior warriors warsaw
warszawa wasd washington wassup water waterfall waterloo watermelon watson wave waves wayne weasel web webmaster
webpage website wedding wednesday weed weekend welcome welcometo wendy werder werewolf werner wesley westham westside
whale whatever whatsapp whatsup whatthehell whiskey whisky whisper white whitesox whitewolf whitney whoami whore
whynot widget wien wife wifey wii wild wildcat wildcats wildfire wildflower wildthing wilkommen william willie
willkommen willow wilson wind windows windowsxp windsor windy wine wingman winner winners winniethepooh winning
winston winter winterfell winteriscoming wintertime wisconsin wisdom wishbone wizard wizards woaini woaiwojia wolf
wolfgang wolfpack wolverine wolverines wolves wombat wonder wonderful wonderwoman woodstock woody woofwoof wordpress
work worker working worldofwarcraft worship wrangler wrestler wrestling writer writing wrx wtf xavier xbox xfiles
xiaomi xmen xxx xxxx xxxxxx yadayada yahoo yamaha yankee yankees yellow yes yesterday yesyes yoda yolanda yosemite
yoshi young youngmoney yourpassword youtube yuki yuri yusuf yvette yvonne zach zachary zack zaphod zaq12wsx zaq1xsw2
zebra zelda zeppelin zero zeta zeus zeynep zhang zidane zion zipper zodiac zoe zoey zombie zombies zoro zulu zurich
zxc zxcvbn zxcvbnm zxczxc zzz zzzz
]]):gsub("%s+", " ")

return M
