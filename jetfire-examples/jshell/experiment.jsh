import io.jetfire.*
import io.jetfire.examples.Bars

var experiment = Experiment.builder("bars").
    training(Bars.training()).
    preprocessing(Bars.preprocessing()).
    decoding(OutputDecoder.softmax()).
    evaluation(Evaluation.classification(Bars.test()).loss(Loss.crossEntropy(true)).build()).
    convert(Converter.toTflite().recipe(Recipe.float16()).build()).
    convert(Converter.toTflite().recipe(Recipe.fullInteger()).calibration(Bars.train()).build()).
    deviceRun(DeviceRun.on("local").delegates(Delegate.CPU, Delegate.XNNPACK).runs(30).build()).
    gate(Gate.accuracyDrop().atMost(0.02)).
    recordTo("mlmd-sqlite").
    build()

var jetfire = JetFire.builder().workDirectory(Path.of("target/jshell")).build()
System.out.print(jetfire.plan(experiment))
var report = jetfire.run(experiment)
report.writeTo(Path.of("target/jshell/report"))
System.out.print(report.toMarkdown())
jetfire.close()
/exit
