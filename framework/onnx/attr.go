package onnx

import (
	"google.golang.org/protobuf/proto"

	"github.com/ltadbench/ltadbench/framework/onnx/internal/onnxpb"
)

// Attr is an attribute of a node.
type Attr struct{ pb *onnxpb.AttributeProto }

// Int is an integer attribute; the specification's booleans are 0 and 1.
func Int(name string, v int) Attr {
	return Attr{&onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(int64(v))}}
}

// Ints is an attribute of several integers.
func Ints(name string, v ...int) Attr {
	a := &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_INTS.Enum()}
	for _, x := range v {
		a.Ints = append(a.Ints, int64(x))
	}
	return Attr{a}
}

// Float is a number attribute.
func Float(name string, v float32) Attr {
	return Attr{&onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_FLOAT.Enum(), F: &v}}
}

// String is a text attribute.
func String(name, v string) Attr {
	return Attr{&onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte(v)}}
}

// Fill is an attribute named value that holds one element, as ConstantOfShape
// wants it.
func Fill[T Element](v T) Attr {
	name := "value"
	return Attr{&onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_TENSOR.Enum(), T: tensor("", []T{v}, []int{1})}}
}
