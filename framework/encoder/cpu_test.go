package encoder
import ("testing";"syscall";"context";"time")
func TestCPU(t *testing.T){
 p,_:=Builtin("texturebank"); e:=open(t,p,Options{Threads:1})
 img:=noise(1,224,224); f:=make([]float32,p.Grid.Height*p.Grid.Width*p.Channels()); d:=make([]float32,p.Channels()); var c Cost
 cpu:=func() time.Duration{ var r syscall.Rusage; syscall.Getrusage(0,&r); return time.Duration(r.Utime.Nano()+r.Stime.Nano())}
 s:=cpu(); w:=time.Now()
 for range 40 { e.encode(context.Background(),img,f,d,&c) }
 t.Logf("cpu %v wall %v an image, align wall %v",(cpu()-s)/40,time.Since(w)/40,c.Align/40)
}
