import io.jetfire.*
import io.jetfire.examples.Bars
var jetfire = JetFire.builder().workDirectory(Path.of("target/jshell")).build()
var trained = jetfire.train(Bars.training())
var converter = Converter.toTflite().
    recipe(Recipe.fullInteger()).calibration(Bars.train()).preprocessing(Bars.preprocessing()).build()
var int8 = jetfire.convert(trained.model(), converter)
System.out.println(int8.model())
jetfire.evaluate(int8.model(), Bars.preprocessing(), OutputDecoder.softmax(), Evaluation.classification(Bars.test()).build()).
    forEach((delegate, result) -> System.out.println(delegate + " " + result.metrics()))
jetfire.close()
/exit
