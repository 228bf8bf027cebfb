package encoder
import ("testing";"os";"context";"fmt")
func TestDump(t *testing.T){ p,_:=Builtin("texturebank"); m,err:=p.model(); if err!=nil{t.Fatal(err)}; os.WriteFile("/work/scratch_enc/tb.onnx",m,0o666) }
func TestMobile(t *testing.T){ 
 e:=open(t,tinyPack(t),Options{}); _=e
 p,err:=LoadPack("/work/packs/mobileone_s0"); if err!=nil{t.Fatal(err)}
 r,err:=Check(context.Background(),p,Options{}); fmt.Printf("%+v %v\n",r,err)
 p,_=Builtin("texturebank")
 r,err=Check(context.Background(),p,Options{}); fmt.Printf("%+v %v\n",r,err)
}
