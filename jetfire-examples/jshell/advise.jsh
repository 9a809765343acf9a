import io.jetfire.*
import java.time.Duration
import io.jetfire.examples.Bars
var jetfire = JetFire.builder().workDirectory(Path.of("target/jshell")).build()
var model = jetfire.train(Bars.training()).model()

// Where does an integer model lose accuracy?
var converter = Converter.toTflite().recipe(Recipe.fullInteger()).
    calibration(Bars.train()).calibrationSamples(60).preprocessing(Bars.preprocessing()).build()
System.out.println(jetfire.explain(model, converter))

// Which variant is the smallest that is close enough to the float model? No labels are needed for that.
var close = RecipeSearch.with(converter).
    signalToNoiseAtLeast(35, Bars.test()).timeLimit(Duration.ofMinutes(2)).build()
var advice = jetfire.advise(model, close)
System.out.println(advice)

// And which is the smallest that is right often enough?
var right = RecipeSearch.with(converter).
    metricAtLeast(0.9, Evaluation.classification(Bars.test()).build(), OutputDecoder.softmax()).
    onTrial(trial -> System.out.println("tried " + trial.recipe().name())).build()
System.out.println(jetfire.advise(model, right))

// The recipe goes into the converter.
var best = converter.toBuilder().recipe(advice.smallest().orElseThrow().recipe()).build()
System.out.println(jetfire.convert(model, best).model())
jetfire.close()
/exit
