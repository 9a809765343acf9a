package io.jetfire.tflite.graph;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The operators of TensorFlow Lite: every builtin of the schema, and CUSTOM, which goes by a name.
 *
 * <p>Names and codes are those of {@code BuiltinOperator} in the TFLite schema (as of LiteRT,
 * August 2026).
 */
public enum OpKind {
  /** Code 0; options table AddOptions. */
  ADD(0, "AddOptions"),
  /** Code 1; options table Pool2DOptions. */
  AVERAGE_POOL_2D(1, "Pool2DOptions"),
  /** Code 2; options table ConcatenationOptions. */
  CONCATENATION(2, "ConcatenationOptions"),
  /** Code 3; options table Conv2DOptions. */
  CONV_2D(3, "Conv2DOptions"),
  /** Code 4; options table DepthwiseConv2DOptions. */
  DEPTHWISE_CONV_2D(4, "DepthwiseConv2DOptions"),
  /** Code 5; options table DepthToSpaceOptions. */
  DEPTH_TO_SPACE(5, "DepthToSpaceOptions"),
  /** Code 6; options table DequantizeOptions. */
  DEQUANTIZE(6, "DequantizeOptions"),
  /** Code 7; carries no options. */
  EMBEDDING_LOOKUP(7, null),
  /** Code 8; carries no options. */
  FLOOR(8, null),
  /** Code 9; options table FullyConnectedOptions. */
  FULLY_CONNECTED(9, "FullyConnectedOptions"),
  /** Code 10; carries no options. */
  HASHTABLE_LOOKUP(10, null),
  /** Code 11; options table L2NormOptions. */
  L2_NORMALIZATION(11, "L2NormOptions"),
  /** Code 12; options table Pool2DOptions. */
  L2_POOL_2D(12, "Pool2DOptions"),
  /** Code 13; options table LocalResponseNormalizationOptions. */
  LOCAL_RESPONSE_NORMALIZATION(13, "LocalResponseNormalizationOptions"),
  /** Code 14; carries no options. */
  LOGISTIC(14, null),
  /** Code 15; options table LSHProjectionOptions. */
  LSH_PROJECTION(15, "LSHProjectionOptions"),
  /** Code 16; options table LSTMOptions. */
  LSTM(16, "LSTMOptions"),
  /** Code 17; options table Pool2DOptions. */
  MAX_POOL_2D(17, "Pool2DOptions"),
  /** Code 18; options table MulOptions. */
  MUL(18, "MulOptions"),
  /** Code 19; carries no options. */
  RELU(19, null),
  /** Code 20; carries no options. */
  RELU_N1_TO_1(20, null),
  /** Code 21; carries no options. */
  RELU6(21, null),
  /** Code 22; options table ReshapeOptions. */
  RESHAPE(22, "ReshapeOptions"),
  /** Code 23; options table ResizeBilinearOptions. */
  RESIZE_BILINEAR(23, "ResizeBilinearOptions"),
  /** Code 24; options table RNNOptions. */
  RNN(24, "RNNOptions"),
  /** Code 25; options table SoftmaxOptions. */
  SOFTMAX(25, "SoftmaxOptions"),
  /** Code 26; options table SpaceToDepthOptions. */
  SPACE_TO_DEPTH(26, "SpaceToDepthOptions"),
  /** Code 27; options table SVDFOptions. */
  SVDF(27, "SVDFOptions"),
  /** Code 28; carries no options. */
  TANH(28, null),
  /** Code 29; options table ConcatEmbeddingsOptions. */
  CONCAT_EMBEDDINGS(29, "ConcatEmbeddingsOptions"),
  /** Code 30; options table SkipGramOptions. */
  SKIP_GRAM(30, "SkipGramOptions"),
  /** Code 31; options table CallOptions. */
  CALL(31, "CallOptions"),
  /** Code 32; carries no options. */
  CUSTOM(32, null),
  /** Code 33; options table EmbeddingLookupSparseOptions. */
  EMBEDDING_LOOKUP_SPARSE(33, "EmbeddingLookupSparseOptions"),
  /** Code 34; options table PadOptions. */
  PAD(34, "PadOptions"),
  /** Code 35; options table SequenceRNNOptions. */
  UNIDIRECTIONAL_SEQUENCE_RNN(35, "SequenceRNNOptions"),
  /** Code 36; options table GatherOptions. */
  GATHER(36, "GatherOptions"),
  /** Code 37; options table BatchToSpaceNDOptions. */
  BATCH_TO_SPACE_ND(37, "BatchToSpaceNDOptions"),
  /** Code 38; options table SpaceToBatchNDOptions. */
  SPACE_TO_BATCH_ND(38, "SpaceToBatchNDOptions"),
  /** Code 39; options table TransposeOptions. */
  TRANSPOSE(39, "TransposeOptions"),
  /** Code 40; options table ReducerOptions. */
  MEAN(40, "ReducerOptions"),
  /** Code 41; options table SubOptions. */
  SUB(41, "SubOptions"),
  /** Code 42; options table DivOptions. */
  DIV(42, "DivOptions"),
  /** Code 43; options table SqueezeOptions. */
  SQUEEZE(43, "SqueezeOptions"),
  /** Code 44; options table UnidirectionalSequenceLSTMOptions. */
  UNIDIRECTIONAL_SEQUENCE_LSTM(44, "UnidirectionalSequenceLSTMOptions"),
  /** Code 45; options table StridedSliceOptions. */
  STRIDED_SLICE(45, "StridedSliceOptions"),
  /** Code 46; options table BidirectionalSequenceRNNOptions. */
  BIDIRECTIONAL_SEQUENCE_RNN(46, "BidirectionalSequenceRNNOptions"),
  /** Code 47; options table ExpOptions. */
  EXP(47, "ExpOptions"),
  /** Code 48; options table TopKV2Options. */
  TOPK_V2(48, "TopKV2Options"),
  /** Code 49; options table SplitOptions. */
  SPLIT(49, "SplitOptions"),
  /** Code 50; options table LogSoftmaxOptions. */
  LOG_SOFTMAX(50, "LogSoftmaxOptions"),
  /** Code 51; carries no options. */
  DELEGATE(51, null),
  /** Code 52; options table BidirectionalSequenceLSTMOptions. */
  BIDIRECTIONAL_SEQUENCE_LSTM(52, "BidirectionalSequenceLSTMOptions"),
  /** Code 53; options table CastOptions. */
  CAST(53, "CastOptions"),
  /** Code 54; carries no options. */
  PRELU(54, null),
  /** Code 55; options table MaximumMinimumOptions. */
  MAXIMUM(55, "MaximumMinimumOptions"),
  /** Code 56; options table ArgMaxOptions. */
  ARG_MAX(56, "ArgMaxOptions"),
  /** Code 57; options table MaximumMinimumOptions. */
  MINIMUM(57, "MaximumMinimumOptions"),
  /** Code 58; options table LessOptions. */
  LESS(58, "LessOptions"),
  /** Code 59; options table NegOptions. */
  NEG(59, "NegOptions"),
  /** Code 60; options table PadV2Options. */
  PADV2(60, "PadV2Options"),
  /** Code 61; options table GreaterOptions. */
  GREATER(61, "GreaterOptions"),
  /** Code 62; options table GreaterEqualOptions. */
  GREATER_EQUAL(62, "GreaterEqualOptions"),
  /** Code 63; options table LessEqualOptions. */
  LESS_EQUAL(63, "LessEqualOptions"),
  /** Code 64; options table SelectOptions. */
  SELECT(64, "SelectOptions"),
  /** Code 65; options table SliceOptions. */
  SLICE(65, "SliceOptions"),
  /** Code 66; carries no options. */
  SIN(66, null),
  /** Code 67; options table TransposeConvOptions. */
  TRANSPOSE_CONV(67, "TransposeConvOptions"),
  /** Code 68; options table SparseToDenseOptions. */
  SPARSE_TO_DENSE(68, "SparseToDenseOptions"),
  /** Code 69; options table TileOptions. */
  TILE(69, "TileOptions"),
  /** Code 70; options table ExpandDimsOptions. */
  EXPAND_DIMS(70, "ExpandDimsOptions"),
  /** Code 71; options table EqualOptions. */
  EQUAL(71, "EqualOptions"),
  /** Code 72; options table NotEqualOptions. */
  NOT_EQUAL(72, "NotEqualOptions"),
  /** Code 73; carries no options. */
  LOG(73, null),
  /** Code 74; options table ReducerOptions. */
  SUM(74, "ReducerOptions"),
  /** Code 75; carries no options. */
  SQRT(75, null),
  /** Code 76; carries no options. */
  RSQRT(76, null),
  /** Code 77; options table ShapeOptions. */
  SHAPE(77, "ShapeOptions"),
  /** Code 78; options table PowOptions. */
  POW(78, "PowOptions"),
  /** Code 79; options table ArgMinOptions. */
  ARG_MIN(79, "ArgMinOptions"),
  /** Code 80; options table FakeQuantOptions. */
  FAKE_QUANT(80, "FakeQuantOptions"),
  /** Code 81; options table ReducerOptions. */
  REDUCE_PROD(81, "ReducerOptions"),
  /** Code 82; options table ReducerOptions. */
  REDUCE_MAX(82, "ReducerOptions"),
  /** Code 83; options table PackOptions. */
  PACK(83, "PackOptions"),
  /** Code 84; options table LogicalOrOptions. */
  LOGICAL_OR(84, "LogicalOrOptions"),
  /** Code 85; options table OneHotOptions. */
  ONE_HOT(85, "OneHotOptions"),
  /** Code 86; options table LogicalAndOptions. */
  LOGICAL_AND(86, "LogicalAndOptions"),
  /** Code 87; options table LogicalNotOptions. */
  LOGICAL_NOT(87, "LogicalNotOptions"),
  /** Code 88; options table UnpackOptions. */
  UNPACK(88, "UnpackOptions"),
  /** Code 89; options table ReducerOptions. */
  REDUCE_MIN(89, "ReducerOptions"),
  /** Code 90; options table FloorDivOptions. */
  FLOOR_DIV(90, "FloorDivOptions"),
  /** Code 91; options table ReducerOptions. */
  REDUCE_ANY(91, "ReducerOptions"),
  /** Code 92; options table SquareOptions. */
  SQUARE(92, "SquareOptions"),
  /** Code 93; options table ZerosLikeOptions. */
  ZEROS_LIKE(93, "ZerosLikeOptions"),
  /** Code 94; options table FillOptions. */
  FILL(94, "FillOptions"),
  /** Code 95; options table FloorModOptions. */
  FLOOR_MOD(95, "FloorModOptions"),
  /** Code 96; options table RangeOptions. */
  RANGE(96, "RangeOptions"),
  /** Code 97; options table ResizeNearestNeighborOptions. */
  RESIZE_NEAREST_NEIGHBOR(97, "ResizeNearestNeighborOptions"),
  /** Code 98; options table LeakyReluOptions. */
  LEAKY_RELU(98, "LeakyReluOptions"),
  /** Code 99; options table SquaredDifferenceOptions. */
  SQUARED_DIFFERENCE(99, "SquaredDifferenceOptions"),
  /** Code 100; options table MirrorPadOptions. */
  MIRROR_PAD(100, "MirrorPadOptions"),
  /** Code 101; options table AbsOptions. */
  ABS(101, "AbsOptions"),
  /** Code 102; options table SplitVOptions. */
  SPLIT_V(102, "SplitVOptions"),
  /** Code 103; options table UniqueOptions. */
  UNIQUE(103, "UniqueOptions"),
  /** Code 104; carries no options. */
  CEIL(104, null),
  /** Code 105; options table ReverseV2Options. */
  REVERSE_V2(105, "ReverseV2Options"),
  /** Code 106; options table AddNOptions. */
  ADD_N(106, "AddNOptions"),
  /** Code 107; options table GatherNdOptions. */
  GATHER_ND(107, "GatherNdOptions"),
  /** Code 108; options table CosOptions. */
  COS(108, "CosOptions"),
  /** Code 109; options table WhereOptions. */
  WHERE(109, "WhereOptions"),
  /** Code 110; options table RankOptions. */
  RANK(110, "RankOptions"),
  /** Code 111; carries no options. */
  ELU(111, null),
  /** Code 112; options table ReverseSequenceOptions. */
  REVERSE_SEQUENCE(112, "ReverseSequenceOptions"),
  /** Code 113; options table MatrixDiagOptions. */
  MATRIX_DIAG(113, "MatrixDiagOptions"),
  /** Code 114; options table QuantizeOptions. */
  QUANTIZE(114, "QuantizeOptions"),
  /** Code 115; options table MatrixSetDiagOptions. */
  MATRIX_SET_DIAG(115, "MatrixSetDiagOptions"),
  /** Code 116; carries no options. */
  ROUND(116, null),
  /** Code 117; options table HardSwishOptions. */
  HARD_SWISH(117, "HardSwishOptions"),
  /** Code 118; options table IfOptions. */
  IF(118, "IfOptions"),
  /** Code 119; options table WhileOptions. */
  WHILE(119, "WhileOptions"),
  /** Code 120; options table NonMaxSuppressionV4Options. */
  NON_MAX_SUPPRESSION_V4(120, "NonMaxSuppressionV4Options"),
  /** Code 121; options table NonMaxSuppressionV5Options. */
  NON_MAX_SUPPRESSION_V5(121, "NonMaxSuppressionV5Options"),
  /** Code 122; options table ScatterNdOptions. */
  SCATTER_ND(122, "ScatterNdOptions"),
  /** Code 123; options table SelectV2Options. */
  SELECT_V2(123, "SelectV2Options"),
  /** Code 124; options table DensifyOptions. */
  DENSIFY(124, "DensifyOptions"),
  /** Code 125; options table SegmentSumOptions. */
  SEGMENT_SUM(125, "SegmentSumOptions"),
  /** Code 126; options table BatchMatMulOptions. */
  BATCH_MATMUL(126, "BatchMatMulOptions"),
  /** Code 127; carries no options. */
  PLACEHOLDER_FOR_GREATER_OP_CODES(127, null),
  /** Code 128; options table CumsumOptions. */
  CUMSUM(128, "CumsumOptions"),
  /** Code 129; options table CallOnceOptions. */
  CALL_ONCE(129, "CallOnceOptions"),
  /** Code 130; options table BroadcastToOptions. */
  BROADCAST_TO(130, "BroadcastToOptions"),
  /** Code 131; options table Rfft2dOptions. */
  RFFT2D(131, "Rfft2dOptions"),
  /** Code 132; options table Conv3DOptions. */
  CONV_3D(132, "Conv3DOptions"),
  /** Code 133; carries no options. */
  IMAG(133, null),
  /** Code 134; carries no options. */
  REAL(134, null),
  /** Code 135; carries no options. */
  COMPLEX_ABS(135, null),
  /** Code 136; options table HashtableOptions. */
  HASHTABLE(136, "HashtableOptions"),
  /** Code 137; options table HashtableFindOptions. */
  HASHTABLE_FIND(137, "HashtableFindOptions"),
  /** Code 138; options table HashtableImportOptions. */
  HASHTABLE_IMPORT(138, "HashtableImportOptions"),
  /** Code 139; options table HashtableSizeOptions. */
  HASHTABLE_SIZE(139, "HashtableSizeOptions"),
  /** Code 140; options table ReducerOptions. */
  REDUCE_ALL(140, "ReducerOptions"),
  /** Code 141; options table Conv3DOptions. */
  CONV_3D_TRANSPOSE(141, "Conv3DOptions"),
  /** Code 142; options table VarHandleOptions. */
  VAR_HANDLE(142, "VarHandleOptions"),
  /** Code 143; options table ReadVariableOptions. */
  READ_VARIABLE(143, "ReadVariableOptions"),
  /** Code 144; options table AssignVariableOptions. */
  ASSIGN_VARIABLE(144, "AssignVariableOptions"),
  /** Code 145; carries no options. */
  BROADCAST_ARGS(145, null),
  /** Code 146; options table RandomOptions. */
  RANDOM_STANDARD_NORMAL(146, "RandomOptions"),
  /** Code 147; options table BucketizeOptions. */
  BUCKETIZE(147, "BucketizeOptions"),
  /** Code 148; options table RandomOptions. */
  RANDOM_UNIFORM(148, "RandomOptions"),
  /** Code 149; options table RandomOptions. */
  MULTINOMIAL(149, "RandomOptions"),
  /** Code 150; options table GeluOptions. */
  GELU(150, "GeluOptions"),
  /** Code 151; options table DynamicUpdateSliceOptions. */
  DYNAMIC_UPDATE_SLICE(151, "DynamicUpdateSliceOptions"),
  /** Code 152; carries no options. */
  RELU_0_TO_1(152, null),
  /** Code 153; options table UnsortedSegmentProdOptions. */
  UNSORTED_SEGMENT_PROD(153, "UnsortedSegmentProdOptions"),
  /** Code 154; options table UnsortedSegmentMaxOptions. */
  UNSORTED_SEGMENT_MAX(154, "UnsortedSegmentMaxOptions"),
  /** Code 155; options table UnsortedSegmentSumOptions. */
  UNSORTED_SEGMENT_SUM(155, "UnsortedSegmentSumOptions"),
  /** Code 156; options table ATan2Options. */
  ATAN2(156, "ATan2Options"),
  /** Code 157; options table UnsortedSegmentMinOptions. */
  UNSORTED_SEGMENT_MIN(157, "UnsortedSegmentMinOptions"),
  /** Code 158; options table SignOptions. */
  SIGN(158, "SignOptions"),
  /** Code 159; options table BitcastOptions. */
  BITCAST(159, "BitcastOptions"),
  /** Code 160; options table BitwiseXorOptions. */
  BITWISE_XOR(160, "BitwiseXorOptions"),
  /** Code 161; options table RightShiftOptions. */
  RIGHT_SHIFT(161, "RightShiftOptions"),
  /** Code 162; carries no options. */
  STABLEHLO_LOGISTIC(162, null),
  /** Code 163; carries no options. */
  STABLEHLO_ADD(163, null),
  /** Code 164; carries no options. */
  STABLEHLO_DIVIDE(164, null),
  /** Code 165; carries no options. */
  STABLEHLO_MULTIPLY(165, null),
  /** Code 166; carries no options. */
  STABLEHLO_MAXIMUM(166, null),
  /** Code 167; carries no options. */
  STABLEHLO_RESHAPE(167, null),
  /** Code 168; carries no options. */
  STABLEHLO_CLAMP(168, null),
  /** Code 169; options table StablehloConcatenateOptions. */
  STABLEHLO_CONCATENATE(169, "StablehloConcatenateOptions"),
  /** Code 170; options table StablehloBroadcastInDimOptions. */
  STABLEHLO_BROADCAST_IN_DIM(170, "StablehloBroadcastInDimOptions"),
  /** Code 171; options table StablehloConvolutionOptions. */
  STABLEHLO_CONVOLUTION(171, "StablehloConvolutionOptions"),
  /** Code 172; options table StablehloSliceOptions. */
  STABLEHLO_SLICE(172, "StablehloSliceOptions"),
  /** Code 173; options table StablehloCustomCallOptions. */
  STABLEHLO_CUSTOM_CALL(173, "StablehloCustomCallOptions"),
  /** Code 174; options table StablehloReduceOptions. */
  STABLEHLO_REDUCE(174, "StablehloReduceOptions"),
  /** Code 175; carries no options. */
  STABLEHLO_ABS(175, null),
  /** Code 176; carries no options. */
  STABLEHLO_AND(176, null),
  /** Code 177; carries no options. */
  STABLEHLO_COSINE(177, null),
  /** Code 178; carries no options. */
  STABLEHLO_EXPONENTIAL(178, null),
  /** Code 179; carries no options. */
  STABLEHLO_FLOOR(179, null),
  /** Code 180; carries no options. */
  STABLEHLO_LOG(180, null),
  /** Code 181; carries no options. */
  STABLEHLO_MINIMUM(181, null),
  /** Code 182; carries no options. */
  STABLEHLO_NEGATE(182, null),
  /** Code 183; carries no options. */
  STABLEHLO_OR(183, null),
  /** Code 184; carries no options. */
  STABLEHLO_POWER(184, null),
  /** Code 185; carries no options. */
  STABLEHLO_REMAINDER(185, null),
  /** Code 186; carries no options. */
  STABLEHLO_RSQRT(186, null),
  /** Code 187; carries no options. */
  STABLEHLO_SELECT(187, null),
  /** Code 188; carries no options. */
  STABLEHLO_SUBTRACT(188, null),
  /** Code 189; carries no options. */
  STABLEHLO_TANH(189, null),
  /** Code 190; options table StablehloScatterOptions. */
  STABLEHLO_SCATTER(190, "StablehloScatterOptions"),
  /** Code 191; options table StablehloCompareOptions. */
  STABLEHLO_COMPARE(191, "StablehloCompareOptions"),
  /** Code 192; carries no options. */
  STABLEHLO_CONVERT(192, null),
  /** Code 193; options table StablehloDynamicSliceOptions. */
  STABLEHLO_DYNAMIC_SLICE(193, "StablehloDynamicSliceOptions"),
  /** Code 194; carries no options. */
  STABLEHLO_DYNAMIC_UPDATE_SLICE(194, null),
  /** Code 195; options table StablehloPadOptions. */
  STABLEHLO_PAD(195, "StablehloPadOptions"),
  /** Code 196; options table StablehloIotaOptions. */
  STABLEHLO_IOTA(196, "StablehloIotaOptions"),
  /** Code 197; options table StablehloDotGeneralOptions. */
  STABLEHLO_DOT_GENERAL(197, "StablehloDotGeneralOptions"),
  /** Code 198; options table StablehloReduceWindowOptions. */
  STABLEHLO_REDUCE_WINDOW(198, "StablehloReduceWindowOptions"),
  /** Code 199; options table StablehloSortOptions. */
  STABLEHLO_SORT(199, "StablehloSortOptions"),
  /** Code 200; options table StablehloWhileOptions. */
  STABLEHLO_WHILE(200, "StablehloWhileOptions"),
  /** Code 201; options table StablehloGatherOptions. */
  STABLEHLO_GATHER(201, "StablehloGatherOptions"),
  /** Code 202; options table StablehloTransposeOptions. */
  STABLEHLO_TRANSPOSE(202, "StablehloTransposeOptions"),
  /** Code 203; options table DilateOptions. */
  DILATE(203, "DilateOptions"),
  /** Code 204; options table StablehloRngBitGeneratorOptions. */
  STABLEHLO_RNG_BIT_GENERATOR(204, "StablehloRngBitGeneratorOptions"),
  /** Code 205; options table ReduceWindowOptions. */
  REDUCE_WINDOW(205, "ReduceWindowOptions"),
  /** Code 206; options table StableHLOCompositeOptions. */
  STABLEHLO_COMPOSITE(206, "StableHLOCompositeOptions"),
  /** Code 207; options table StablehloShiftLeftOptions. */
  STABLEHLO_SHIFT_LEFT(207, "StablehloShiftLeftOptions"),
  /** Code 208; carries no options. */
  STABLEHLO_CBRT(208, null),
  /** Code 209; options table StablehloCaseOptions. */
  STABLEHLO_CASE(209, "StablehloCaseOptions");

  private static final @Nullable OpKind[] BY_CODE = byCode();

  private final int code;
  private final @Nullable String options;

  OpKind(int code, @Nullable String options) {
    this.code = code;
    this.options = options;
  }

  /**
   * Returns the number in the file.
   *
   * @return {@code builtin_code} of the schema
   */
  public int code() {
    return code;
  }

  /**
   * Returns the table that the operator's attributes are written to.
   *
   * @return empty if the operator has none
   */
  public Optional<OptionsTable> options() {
    return options == null ? Optional.empty() : Optional.of(OptionsTable.named(options));
  }

  /**
   * Finds the operator of a number in a file.
   *
   * @param code {@code builtin_code} of the schema
   * @return empty if this version of the schema has no such operator
   */
  public static Optional<OpKind> of(int code) {
    return code < 0 || code >= BY_CODE.length
        ? Optional.empty()
        : Optional.ofNullable(BY_CODE[code]);
  }

  private static @Nullable OpKind[] byCode() {
    @Nullable OpKind[] all = new OpKind[256];
    for (OpKind kind : values()) {
      all[kind.code] = kind;
    }
    return all;
  }
}
