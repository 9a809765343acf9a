package io.jetfire.tflite.graph;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The attributes of an operator: one options table of the TFLite schema, with its fields in order.
 *
 * <p>Reader, writer, printer and checks all work from these tables. Names, order, types and
 * defaults are those of the schema ({@code schema.fbs} of LiteRT, August 2026).
 */
public final class OptionsTable {

  /** The type of an attribute, with the Java type that holds it. */
  public enum FieldType {
    /** {@code Boolean}. */
    BOOL(1),
    /** {@code Integer}, one byte in the file; a code with a highest value. */
    CODE(1),
    /** {@code Integer}, four bytes in the file; a code with a highest value. */
    WIDE_CODE(4),
    /** An enum of this package, one byte in the file. */
    ENUM(1),
    /** {@code Integer}. */
    INT(4),
    /** {@code Integer}, not negative. */
    UINT(4),
    /** {@code Long}. */
    LONG(8),
    /** {@code Float}. */
    FLOAT(4),
    /** {@code String}. */
    STRING(0),
    /** {@code int[]}. */
    INTS(4),
    /** {@code long[]}. */
    LONGS(8),
    /** {@code float[]}. */
    FLOATS(4),
    /** {@code boolean[]}. */
    BOOLS(1),
    /** {@code byte[]}. */
    BYTES(1);

    private final int bytes;

    FieldType(int bytes) {
      this.bytes = bytes;
    }

    /**
     * Returns the size in the file.
     *
     * @return bytes of the scalar or of one element; 0 for a string
     */
    public int bytes() {
      return bytes;
    }

    /**
     * Says whether the value lies outside the table, behind an offset.
     *
     * @return true for strings and lists
     */
    public boolean isReference() {
      return ordinal() >= STRING.ordinal();
    }
  }

  /**
   * One attribute.
   *
   * @param id the field's number in the table, from 0
   * @param name the schema's name
   * @param type the type
   * @param enumType the enum of an {@link FieldType#ENUM} field, or null
   * @param maximum the highest code of a CODE, WIDE_CODE or ENUM field, otherwise 0
   * @param defaultValue what holds if the attribute is not set; for lists an empty one, for strings
   *     the empty one
   */
  public record Field(
      int id,
      String name,
      FieldType type,
      @Nullable Class<? extends Enum<?>> enumType,
      int maximum,
      Object defaultValue) {}

  private static final Map<String, Class<? extends Enum<?>>> ENUMS =
      Map.of(
          "Padding", Padding.class,
          "Activation", Activation.class,
          "ElementType", ElementType.class,
          "MirrorPadMode", MirrorPadMode.class,
          "WeightsFormat", WeightsFormat.class,
          "LstmKernelType", LstmKernelType.class);

  // In the order of the schema's unions: the position is the tag. "codeN" is a one-byte code up to
  // N, "wideN" one of four bytes.
  private static final String FIRST_UNION =
      """
      Conv2DOptions padding:Padding stride_w:int stride_h:int \
        fused_activation_function:Activation dilation_w_factor:int=1 dilation_h_factor:int=1 \
        quantized_bias_type:ElementType
      DepthwiseConv2DOptions padding:Padding stride_w:int stride_h:int depth_multiplier:int \
        fused_activation_function:Activation dilation_w_factor:int=1 dilation_h_factor:int=1
      ConcatEmbeddingsOptions num_channels:int num_columns_per_channel:ints \
        embedding_dim_per_channel:ints
      LSHProjectionOptions type:code2
      Pool2DOptions padding:Padding stride_w:int stride_h:int filter_width:int filter_height:int \
        fused_activation_function:Activation
      SVDFOptions rank:int fused_activation_function:Activation asymmetric_quantize_inputs:bool
      RNNOptions fused_activation_function:Activation asymmetric_quantize_inputs:bool
      FullyConnectedOptions fused_activation_function:Activation weights_format:WeightsFormat \
        keep_num_dims:bool asymmetric_quantize_inputs:bool quantized_bias_type:ElementType
      SoftmaxOptions beta:float
      ConcatenationOptions axis:int fused_activation_function:Activation
      AddOptions fused_activation_function:Activation pot_scale_int16:bool=true
      L2NormOptions fused_activation_function:Activation
      LocalResponseNormalizationOptions radius:int bias:float alpha:float beta:float
      LSTMOptions fused_activation_function:Activation cell_clip:float proj_clip:float \
        kernel_type:LstmKernelType asymmetric_quantize_inputs:bool
      ResizeBilinearOptions new_height:int new_width:int align_corners:bool \
        half_pixel_centers:bool
      CallOptions subgraph:uint
      ReshapeOptions new_shape:ints
      SkipGramOptions ngram_size:int max_skip_size:int include_all_ngrams:bool
      SpaceToDepthOptions block_size:int
      EmbeddingLookupSparseOptions combiner:code2
      MulOptions fused_activation_function:Activation
      PadOptions
      GatherOptions axis:int batch_dims:int
      BatchToSpaceNDOptions
      SpaceToBatchNDOptions
      TransposeOptions
      ReducerOptions keep_dims:bool
      SubOptions fused_activation_function:Activation pot_scale_int16:bool=true
      DivOptions fused_activation_function:Activation
      SqueezeOptions squeeze_dims:ints
      SequenceRNNOptions time_major:bool fused_activation_function:Activation \
        asymmetric_quantize_inputs:bool
      StridedSliceOptions begin_mask:int end_mask:int ellipsis_mask:int new_axis_mask:int \
        shrink_axis_mask:int offset:bool
      ExpOptions
      TopKV2Options
      SplitOptions num_splits:int
      LogSoftmaxOptions
      CastOptions in_data_type:ElementType out_data_type:ElementType
      DequantizeOptions
      MaximumMinimumOptions
      ArgMaxOptions output_type:ElementType
      LessOptions
      NegOptions
      PadV2Options
      GreaterOptions
      GreaterEqualOptions
      LessEqualOptions
      SelectOptions
      SliceOptions
      TransposeConvOptions padding:Padding stride_w:int stride_h:int \
        fused_activation_function:Activation quantized_bias_type:ElementType
      SparseToDenseOptions validate_indices:bool
      TileOptions
      ExpandDimsOptions
      EqualOptions
      NotEqualOptions
      ShapeOptions out_type:ElementType
      PowOptions
      ArgMinOptions output_type:ElementType
      FakeQuantOptions min:float max:float num_bits:int narrow_range:bool
      PackOptions values_count:int axis:int
      LogicalOrOptions
      OneHotOptions axis:int
      LogicalAndOptions
      LogicalNotOptions
      UnpackOptions num:int axis:int
      FloorDivOptions
      SquareOptions
      ZerosLikeOptions
      FillOptions
      BidirectionalSequenceLSTMOptions fused_activation_function:Activation cell_clip:float \
        proj_clip:float merge_outputs:bool time_major:bool=true asymmetric_quantize_inputs:bool
      BidirectionalSequenceRNNOptions time_major:bool fused_activation_function:Activation \
        merge_outputs:bool asymmetric_quantize_inputs:bool
      UnidirectionalSequenceLSTMOptions fused_activation_function:Activation cell_clip:float \
        proj_clip:float time_major:bool asymmetric_quantize_inputs:bool \
        diagonal_recurrent_tensors:bool
      FloorModOptions
      RangeOptions
      ResizeNearestNeighborOptions align_corners:bool half_pixel_centers:bool
      LeakyReluOptions alpha:float
      SquaredDifferenceOptions
      MirrorPadOptions mode:MirrorPadMode
      AbsOptions
      SplitVOptions num_splits:int
      UniqueOptions idx_out_type:ElementType=INT32
      ReverseV2Options
      AddNOptions
      GatherNdOptions
      CosOptions
      WhereOptions
      RankOptions
      ReverseSequenceOptions seq_dim:int batch_dim:int
      MatrixDiagOptions
      QuantizeOptions
      MatrixSetDiagOptions
      HardSwishOptions
      IfOptions then_subgraph_index:int else_subgraph_index:int
      WhileOptions cond_subgraph_index:int body_subgraph_index:int
      DepthToSpaceOptions block_size:int
      NonMaxSuppressionV4Options
      NonMaxSuppressionV5Options
      ScatterNdOptions
      SelectV2Options
      DensifyOptions
      SegmentSumOptions
      BatchMatMulOptions adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool
      CumsumOptions exclusive:bool reverse:bool
      CallOnceOptions init_subgraph_index:int
      BroadcastToOptions
      Rfft2dOptions
      Conv3DOptions padding:Padding stride_d:int stride_w:int stride_h:int \
        fused_activation_function:Activation dilation_d_factor:int=1 dilation_w_factor:int=1 \
        dilation_h_factor:int=1
      HashtableOptions table_id:int key_dtype:ElementType value_dtype:ElementType
      HashtableFindOptions
      HashtableImportOptions
      HashtableSizeOptions
      VarHandleOptions container:string shared_name:string
      ReadVariableOptions
      AssignVariableOptions
      RandomOptions seed:long seed2:long
      BucketizeOptions boundaries:floats
      GeluOptions approximate:bool
      DynamicUpdateSliceOptions
      UnsortedSegmentProdOptions
      UnsortedSegmentMaxOptions
      UnsortedSegmentMinOptions
      UnsortedSegmentSumOptions
      ATan2Options
      SignOptions
      BitcastOptions
      BitwiseXorOptions
      RightShiftOptions
      """;

  private static final String SECOND_UNION =
      """
      StablehloConcatenateOptions dimension:long
      StablehloBroadcastInDimOptions broadcast_dimensions:longs
      StablehloSliceOptions start_indices:longs limit_indices:longs strides:longs
      StablehloConvolutionOptions window_strides:longs padding:longs lhs_dilation:longs \
        rhs_dilation:longs window_reversal:bools input_batch_dimension:long \
        input_feature_dimension:long input_spatial_dimensions:longs \
        kernel_input_feature_dimension:long kernel_output_feature_dimension:long \
        kernel_spatial_dimensions:longs output_batch_dimension:long \
        output_feature_dimension:long output_spatial_dimensions:longs feature_group_count:long \
        batch_group_count:long precision_config:ints
      StablehloCustomCallOptions call_target_name:string has_side_effect:bool \
        backend_config:string api_version:int called_computations:ints custom_attributes:bytes
      StablehloReduceOptions dimensions:longs body_subgraph_index:int
      StablehloScatterOptions indices_are_sorted:bool update_window_dims:longs \
        inserted_window_dims:longs scatter_dims_to_operand_dims:longs index_vector_dim:long \
        unique_indices:bool update_computation_subgraph_index:int
      StablehloCompareOptions comparison_direction:wide5 compare_type:wide4
      StablehloDynamicSliceOptions slice_sizes:longs
      StablehloPadOptions edge_padding_low:longs edge_padding_high:longs interior_padding:longs
      StablehloIotaOptions iota_dimension:long
      StablehloDotGeneralOptions lhs_batching_dimensions:longs rhs_batching_dimensions:longs \
        lhs_contracting_dimensions:longs rhs_contracting_dimensions:longs precision_config:ints
      StablehloReduceWindowOptions window_dimensions:longs window_strides:longs \
        base_dilations:longs window_dilations:longs padding:longs body_subgraph_index:int
      StablehloSortOptions dimension:long is_stable:bool comparator_subgraph_index:int
      StablehloWhileOptions cond_subgraph_index:int body_subgraph_index:int
      StablehloGatherOptions offset_dims:longs collapsed_slice_dims:longs start_index_map:longs \
        index_vector_dim:long slice_sizes:longs indices_are_sorted:bool
      StablehloTransposeOptions permutation:longs
      DilateOptions
      StablehloRngBitGeneratorOptions algorithm:code2
      ReduceWindowOptions reduce_function:wide6
      StableHLOCompositeOptions name:string decomposition_subgraph_index:int \
        composite_attributes:bytes composite_attributes_format:code0 version:int
      StablehloShiftLeftOptions
      StablehloCaseOptions branch_subgraph_indices:ints
      """;

  private static final Map<String, OptionsTable> TABLES = new LinkedHashMap<>();
  private static final List<OptionsTable> FIRST = parse(FIRST_UNION, 1);
  private static final List<OptionsTable> SECOND = parse(SECOND_UNION, 2);

  private final String name;
  private final int union;
  private final int tag;
  private final List<Field> fields;

  private OptionsTable(String name, int union, int tag, List<Field> fields) {
    this.name = name;
    this.union = union;
    this.tag = tag;
    this.fields = List.copyOf(fields);
  }

  /**
   * Finds a table by its name in the schema.
   *
   * @param name such as {@code Conv2DOptions}
   * @return the table
   * @throws IllegalArgumentException if there is none
   */
  public static OptionsTable named(String name) {
    OptionsTable table = TABLES.get(name);
    if (table == null) {
      throw new IllegalArgumentException("the TFLite schema has no options table " + name);
    }
    return table;
  }

  /**
   * Finds a table by its tag in a union of the file.
   *
   * @param union 1 for {@code BuiltinOptions}, 2 for {@code BuiltinOptions2}
   * @param tag the union's tag, from 1
   * @return empty if this version of the schema has no such table
   */
  public static Optional<OptionsTable> of(int union, int tag) {
    List<OptionsTable> tables = union == 1 ? FIRST : SECOND;
    return tag < 1 || tag > tables.size() ? Optional.empty() : Optional.of(tables.get(tag - 1));
  }

  /**
   * Returns the schema's name.
   *
   * @return such as {@code Conv2DOptions}
   */
  public String name() {
    return name;
  }

  /**
   * Returns the union that the table belongs to.
   *
   * @return 1 for {@code BuiltinOptions}, 2 for {@code BuiltinOptions2}
   */
  public int union() {
    return union;
  }

  /**
   * Returns the tag in the union.
   *
   * @return from 1
   */
  public int tag() {
    return tag;
  }

  /**
   * Returns the attributes in the order of their ids.
   *
   * @return the fields; an id is its index
   */
  public List<Field> fields() {
    return fields;
  }

  /**
   * Finds an attribute.
   *
   * @param field the schema's name
   * @return the field
   * @throws IllegalArgumentException if the table has none of this name
   */
  public Field field(String field) {
    for (Field f : fields) {
      if (f.name().equals(field)) {
        return f;
      }
    }
    throw new IllegalArgumentException(
        name
            + " has no attribute "
            + field
            + "; it has "
            + fields.stream().map(Field::name).toList());
  }

  @Override
  public String toString() {
    return name;
  }

  private static List<OptionsTable> parse(String text, int union) {
    List<OptionsTable> tables = new ArrayList<>();
    for (String line : text.lines().toList()) {
      String[] words = line.trim().split("\\s+");
      List<Field> fields = new ArrayList<>();
      for (int i = 1; i < words.length; i++) {
        fields.add(field(i - 1, words[i]));
      }
      OptionsTable table = new OptionsTable(words[0], union, tables.size() + 1, fields);
      tables.add(table);
      TABLES.put(table.name, table);
    }
    return List.copyOf(tables);
  }

  private static Field field(int id, String text) {
    int colon = text.indexOf(':');
    int equals = text.indexOf('=');
    String name = text.substring(0, colon);
    String type = text.substring(colon + 1, equals < 0 ? text.length() : equals);
    String value = equals < 0 ? "" : text.substring(equals + 1);
    Class<? extends Enum<?>> enumType = ENUMS.get(type);
    if (enumType != null) {
      Enum<?>[] constants = enumType.getEnumConstants();
      Enum<?> defaultValue = constants[0];
      for (Enum<?> constant : constants) {
        defaultValue = constant.name().equals(value) ? constant : defaultValue;
      }
      return new Field(id, name, FieldType.ENUM, enumType, constants.length - 1, defaultValue);
    }
    if (type.startsWith("code")) {
      return new Field(id, name, FieldType.CODE, null, Integer.parseInt(type.substring(4)), 0);
    }
    if (type.startsWith("wide")) {
      int maximum = Integer.parseInt(type.substring(4));
      return new Field(id, name, FieldType.WIDE_CODE, null, maximum, 0);
    }
    return switch (type) {
      case "bool" -> new Field(id, name, FieldType.BOOL, null, 0, value.equals("true"));
      case "int" ->
          new Field(
              id, name, FieldType.INT, null, 0, value.isEmpty() ? 0 : Integer.parseInt(value));
      case "uint" -> new Field(id, name, FieldType.UINT, null, 0, 0);
      case "long" -> new Field(id, name, FieldType.LONG, null, 0, 0L);
      case "float" -> new Field(id, name, FieldType.FLOAT, null, 0, 0f);
      case "string" -> new Field(id, name, FieldType.STRING, null, 0, "");
      case "ints" -> new Field(id, name, FieldType.INTS, null, 0, new int[0]);
      case "longs" -> new Field(id, name, FieldType.LONGS, null, 0, new long[0]);
      case "floats" -> new Field(id, name, FieldType.FLOATS, null, 0, new float[0]);
      case "bools" -> new Field(id, name, FieldType.BOOLS, null, 0, new boolean[0]);
      case "bytes" -> new Field(id, name, FieldType.BYTES, null, 0, new byte[0]);
      default -> throw new IllegalArgumentException("unknown field type in " + text);
    };
  }
}
